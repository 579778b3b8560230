//! The log: all streams in one order, dense and gap-free.
//!
//! Projections, relay, history and feeds read only this, with one integer cursor.

use photolog_domain::EventMetadata;

use crate::{Store, StoreError};

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
    pub hash: [u8; 32],
}

impl Store {
    /// At most `limit` entries after `after`, in order.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn read_log(
        &self,
        _after: Position,
        _limit: u32,
    ) -> Result<Vec<LogEntry>, StoreError> {
        unimplemented!()
    }

    /// The position of the newest entry; 0 when the log is empty.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn log_head(&self) -> Result<Position, StoreError> {
        unimplemented!()
    }

    /// Returns once the log may have grown beyond `after`, at the latest after a short poll interval.
    pub async fn log_grew(&self, _after: Position) {
        unimplemented!()
    }
}
