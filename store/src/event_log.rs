//! The log: all streams in one order, dense and gap-free.
//!
//! Projections, relay, history and feeds read only this, with one integer cursor.

use photolog_domain::EventMetadata;

use crate::chain::{Hash, link};
use crate::stored_event::StoredEvent;
use crate::{Backend, Store, StoreError};

/// A place in the log. The first entry has position 1; 0 is before everything.
pub type Position = i64;

/// One event at its place in the log.
#[derive(Clone, Debug, PartialEq)]
pub struct LogEntry {
    /// Its place among all events.
    pub position: Position,
    /// `Image` or `Account`.
    pub aggregate_type: String,
    /// The stream.
    pub aggregate_id: String,
    /// Its place in the stream, from 1.
    pub sequence: u64,
    /// The stored name.
    pub event_type: String,
    /// The stored version.
    pub event_version: String,
    /// The stored payload; decode with `photolog_domain::event::decode`.
    pub payload: serde_json::Value,
    /// Who, when and why.
    pub metadata: EventMetadata,
    /// SHA-256 chained over this entry and the one before.
    pub hash: Hash,
}

impl Store {
    /// At most `limit` entries after `after`, in order.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn read_log(&self, after: Position, limit: u32) -> Result<Vec<LogEntry>, StoreError> {
        self.log_rows(after, limit)
            .await?
            .into_iter()
            .map(|row| row.event.into_log_entry(row.position, row.hash))
            .collect()
    }

    /// Like [`Store::read_log`], and each entry with whether its hash is the one that follows
    /// from its event and the hash before it; `previous` is the hash of the entry at `after`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn read_log_checked(
        &self,
        after: Position,
        mut previous: Hash,
        limit: u32,
    ) -> Result<Vec<(LogEntry, bool)>, StoreError> {
        self.log_rows(after, limit)
            .await?
            .into_iter()
            .map(|row| {
                let intact = link(&previous, &row.event) == row.hash;
                previous = row.hash;
                Ok((row.event.into_log_entry(row.position, row.hash)?, intact))
            })
            .collect()
    }

    async fn log_rows(&self, after: Position, limit: u32) -> Result<Vec<LogRow>, StoreError> {
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.log_rows(after, limit).await,
        }
    }

    /// The position of the newest entry; 0 when the log is empty.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn log_head(&self) -> Result<Position, StoreError> {
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.log_head().await,
        }
    }

    /// Returns once the log may have grown beyond `after`, at the latest after a short poll interval.
    pub async fn log_grew(&self, after: Position) {
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.head.grew(after).await,
        }
    }
}

/// One entry of the log as the database has it.
#[derive(Debug)]
pub(crate) struct LogRow {
    pub(crate) position: Position,
    pub(crate) hash: Hash,
    pub(crate) event: StoredEvent,
}
