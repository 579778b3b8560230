//! Reading single streams and the log. Rows of `events` without a log entry are ignored.

use cqrs_es::persist::SerializedEvent;
use photolog_domain::AccountId;
use sqlite_es::SqliteEventRepository;
use sqlx::Row;

use super::Sqlite;
use crate::backend::EventTables;
use crate::column::log_row;
use crate::column::stored_event;
use crate::compute::compute;
use crate::log_entry::LogRow;
use crate::sql;
use crate::stored_event::StoredEvent;
use crate::{Position, StoreError};

/// The log's columns as `log_rows` reads them, for the entries that match a condition.
macro_rules! entries_where {
    ($condition:literal) => {
        concat!(
            "SELECT global_position, hash, aggregate_type, aggregate_id, sequence,
                    event_type, event_version, payload, metadata, account
             FROM event_log JOIN events USING (aggregate_type, aggregate_id, sequence)
             WHERE ",
            $condition,
            " ORDER BY global_position LIMIT ?2"
        )
    };
}

pub(super) const WHOLE_LOG: &str = entries_where!("global_position > ?1");
const LOG_OF_ACCOUNT: &str = entries_where!("account = ?3 AND global_position > ?1");

impl Sqlite {
    /// The repository of sqlite-es, with our readers.
    pub(crate) fn stock(&self) -> SqliteEventRepository {
        SqliteEventRepository::new(self.readers.clone())
    }
}

impl EventTables for Sqlite {
    /// At most `limit` events of a stream after a sequence.
    async fn events_after(
        &self,
        aggregate_type: &'static str,
        stream: &str,
        sequence: usize,
        limit: i64,
    ) -> Result<Vec<SerializedEvent>, StoreError> {
        let rows = sqlx::query(
            "SELECT sequence, event_type, event_version, payload, metadata
             FROM events JOIN event_log USING (aggregate_type, aggregate_id, sequence)
             WHERE aggregate_type = ?1 AND aggregate_id = ?2 AND sequence > ?3
             ORDER BY sequence LIMIT ?4",
        )
        .bind(aggregate_type)
        .bind(stream)
        .bind(sequence as i64)
        .bind(limit)
        .fetch_all(self.unpinged.take().await?.connection()?)
        .await?;
        let stream = stream.to_owned();
        compute(rows.len(), move || {
            rows.iter()
                .map(|row| {
                    Ok(SerializedEvent::new(
                        stream.clone(),
                        row.try_get::<i64, _>(0)? as usize,
                        aggregate_type.to_owned(),
                        row.try_get(1)?,
                        row.try_get(2)?,
                        row.try_get(3)?,
                        row.try_get(4)?,
                    ))
                })
                .collect()
        })
        .await
    }

    async fn log_rows<T: Send + 'static>(
        &self,
        of: Option<AccountId>,
        after: Position,
        limit: u32,
        mut read: impl FnMut(LogRow) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<Vec<T>, StoreError> {
        let query = match of {
            None => sqlx::query(WHOLE_LOG),
            Some(_) => sqlx::query(LOG_OF_ACCOUNT),
        };
        let query = query.bind(after).bind(limit);
        let query = match of {
            None => query,
            Some(account) => query.bind(account.to_string()),
        };
        let rows = query.fetch_all(&self.readers).await?;
        compute(rows.len(), move || {
            rows.iter().map(|row| read(log_row(row)?)).collect()
        })
        .await
    }

    async fn log_head(&self) -> Result<Position, StoreError> {
        let row = sqlx::query(sql::LOG_HEAD).fetch_one(&self.readers).await?;
        Ok(row.try_get(0)?)
    }

    /// Maps a stream's events and their log positions through `read`, in order.
    async fn stream_rows<T: Send + 'static>(
        &self,
        aggregate_type: &str,
        stream: &str,
        after: i64,
        limit: i64,
        mut read: impl FnMut(StoredEvent, Option<Position>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<Vec<T>, StoreError> {
        let rows = sqlx::query(
            "SELECT aggregate_type, aggregate_id, sequence, event_type, event_version,
                    payload, metadata, global_position
             FROM events JOIN event_log USING (aggregate_type, aggregate_id, sequence)
             WHERE aggregate_type = ?1 AND aggregate_id = ?2 AND sequence > ?3
             ORDER BY sequence LIMIT ?4",
        )
        .bind(aggregate_type)
        .bind(stream)
        .bind(after)
        .bind(limit)
        .fetch_all(&self.readers)
        .await?;
        compute(rows.len(), move || {
            rows.iter()
                .map(|row| read(stored_event(row, 0)?, row.try_get(7)?))
                .collect()
        })
        .await
    }
}
