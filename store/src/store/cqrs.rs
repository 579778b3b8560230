//! The boundary to cqrs-es: table layout and loading come from sqlite-es and postgres-es; writing is
//! our own, because the log and the constraint tables change in the same transaction.
//!
//! [`Store`] can serve as the framework's store (`PersistedEventStore::new_event_store`); the API
//! appends through [`Store::append`], which also takes the expected sequence.

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

    /// Replaces the stock method, which writes the sequence into the statement's text, so that every
    /// number prepares a new statement and evicts another one from the cache.
    async fn get_last_events<A: Aggregate>(
        &self,
        aggregate_id: &str,
        last_sequence: usize,
    ) -> Result<Vec<SerializedEvent>, PersistenceError> {
        Ok(self
            .events_after(A::TYPE, aggregate_id, last_sequence, i64::MAX)
            .await?)
    }

    /// No snapshots are kept: cqrs-es 0.5.0 applies events twice on their way into one.
    async fn get_snapshot<A: Aggregate>(
        &self,
        _aggregate_id: &str,
    ) -> Result<Option<SerializedSnapshot>, PersistenceError> {
        Ok(None)
    }

    /// Rejects events without complete metadata: their author could not be determined later.
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
