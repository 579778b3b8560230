//! cqrs-es's seam: the table layout and the loading of sqlite-es and postgres-es, the writing
//! our own, because the log and the constraint tables change in the same transaction.
//!
//! [`Store`] can stand under the framework (`PersistedEventStore::new_event_store`); the API
//! appends through [`Store::append`], which also says which sequence it expects.

use cqrs_es::Aggregate;
use cqrs_es::persist::{
    PersistedEventRepository, PersistenceError, ReplayStream, SerializedEvent, SerializedSnapshot,
};
use serde_json::Value;

use super::{Backend, Store, on_backend};
use crate::append::Append;
use crate::backend::Appends;

impl PersistedEventRepository for Store {
    async fn get_events<A: Aggregate>(
        &self,
        aggregate_id: &str,
    ) -> Result<Vec<SerializedEvent>, PersistenceError> {
        self.get_last_events::<A>(aggregate_id, 0).await
    }

    /// Not the stock one: it writes the sequence into the text of the statement, so that every
    /// number is prepared anew and pushes another statement out of the cache.
    async fn get_last_events<A: Aggregate>(
        &self,
        aggregate_id: &str,
        last_sequence: usize,
    ) -> Result<Vec<SerializedEvent>, PersistenceError> {
        Ok(self
            .events_after(A::TYPE, aggregate_id, last_sequence, i64::MAX)
            .await?)
    }

    /// None are kept: cqrs-es 0.5.0 applies events twice on their way into a snapshot.
    async fn get_snapshot<A: Aggregate>(
        &self,
        _aggregate_id: &str,
    ) -> Result<Option<SerializedSnapshot>, PersistenceError> {
        Ok(None)
    }

    /// Events without complete metadata are refused: nobody could say later who wrote them.
    async fn persist<A: Aggregate>(
        &self,
        events: &[SerializedEvent],
        _snapshot_update: Option<(String, Value, usize)>,
    ) -> Result<(), PersistenceError> {
        if let Some(append) = Append::unconditional(events)? {
            on_backend!(&self.backend, append(append))?;
        }
        Ok(())
    }

    async fn stream_events<A: Aggregate>(
        &self,
        aggregate_id: &str,
    ) -> Result<ReplayStream, PersistenceError> {
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.stock().stream_events::<A>(aggregate_id).await,
            Backend::Postgres(postgres) => postgres.stock().stream_events::<A>(aggregate_id).await,
        }
    }

    async fn stream_all_events<A: Aggregate>(&self) -> Result<ReplayStream, PersistenceError> {
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.stock().stream_all_events::<A>().await,
            Backend::Postgres(postgres) => postgres.stock().stream_all_events::<A>().await,
        }
    }
}
