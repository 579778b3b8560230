//! cqrs-es's seam: the table layout and the loading of sqlite-es, the writing our own.
//!
//! Writing goes through the group commit, where the log and the inline tables are changed with it.

use cqrs_es::Aggregate;
use cqrs_es::persist::{
    PersistedEventRepository, PersistenceError, ReplayStream, SerializedEvent, SerializedSnapshot,
};
use serde_json::Value;
use sqlite_es::SqliteEventRepository;
use sqlx::Row;
use sqlx::sqlite::SqlitePool;

use super::writer::Writer;
use crate::StoreError;
use crate::event_store::Append;

/// Streams in SQLite, as cqrs-es asks for them.
pub(crate) struct EventRepository {
    readers: SqlitePool,
    stock: SqliteEventRepository,
    writer: Writer,
}

impl std::fmt::Debug for EventRepository {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("EventRepository")
    }
}

impl EventRepository {
    pub(super) fn new(readers: SqlitePool, writer: Writer) -> Self {
        Self {
            stock: SqliteEventRepository::new(readers.clone()),
            readers,
            writer,
        }
    }

    async fn events_after(
        &self,
        aggregate_type: &str,
        id: &str,
        sequence: usize,
    ) -> Result<Vec<SerializedEvent>, StoreError> {
        let rows = sqlx::query(
            "SELECT sequence, event_type, event_version, payload, metadata FROM events
             WHERE aggregate_type = ?1 AND aggregate_id = ?2 AND sequence > ?3 ORDER BY sequence",
        )
        .bind(aggregate_type)
        .bind(id)
        .bind(sequence as i64)
        .fetch_all(&self.readers)
        .await?;
        let event = |row: &sqlx::sqlite::SqliteRow| {
            Ok(SerializedEvent::new(
                id.to_owned(),
                row.try_get::<i64, _>(0)? as usize,
                aggregate_type.to_owned(),
                row.try_get(1)?,
                row.try_get(2)?,
                row.try_get(3)?,
                row.try_get(4)?,
            ))
        };
        rows.iter().map(event).collect()
    }
}

impl PersistedEventRepository for EventRepository {
    async fn get_events<A: Aggregate>(
        &self,
        aggregate_id: &str,
    ) -> Result<Vec<SerializedEvent>, PersistenceError> {
        self.stock.get_events::<A>(aggregate_id).await
    }

    /// Not the stock one: it writes the sequence into the text of the statement, so that every
    /// number is prepared anew and pushes another statement out of the cache.
    async fn get_last_events<A: Aggregate>(
        &self,
        aggregate_id: &str,
        last_sequence: usize,
    ) -> Result<Vec<SerializedEvent>, PersistenceError> {
        let events = self.events_after(A::TYPE, aggregate_id, last_sequence);
        Ok(events.await?)
    }

    /// None are kept: cqrs-es 0.5.0 applies events twice on their way into a snapshot.
    async fn get_snapshot<A: Aggregate>(
        &self,
        _aggregate_id: &str,
    ) -> Result<Option<SerializedSnapshot>, PersistenceError> {
        Ok(None)
    }

    async fn persist<A: Aggregate>(
        &self,
        events: &[SerializedEvent],
        _snapshot_update: Option<(String, Value, usize)>,
    ) -> Result<(), PersistenceError> {
        match Append::unconditional(events)? {
            Some(append) => Ok(self.writer.append(append).await?),
            None => Ok(()),
        }
    }

    async fn stream_events<A: Aggregate>(
        &self,
        aggregate_id: &str,
    ) -> Result<ReplayStream, PersistenceError> {
        self.stock.stream_events::<A>(aggregate_id).await
    }

    async fn stream_all_events<A: Aggregate>(&self) -> Result<ReplayStream, PersistenceError> {
        self.stock.stream_all_events::<A>().await
    }
}
