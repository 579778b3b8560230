//! Everything that knows SQL or a bucket.
//!
//! | file | what it holds |
//! | --- | --- |
//! | [`config`] | where the database and the blobs are |
//! | [`error`] | what can go wrong, in the words of the callers |
//! | [`event_store`] | load a stream, append to it: cqrs-es over SQLite or Postgres |
//! | [`event_log`] | all streams in one order: `read_log` after a position |
//! | [`read_model`] | the rows a projection writes, the questions the API asks |
//! | [`keys`] | access keys and accounts, kept in the append's own transaction |
//! | [`blob`] | bytes by digest |
//! | `sqlite/`, `postgres/` | the two backends |

#![forbid(unsafe_code)]

pub mod blob;
pub mod config;
pub mod error;
pub mod event_log;
pub mod event_store;
pub mod keys;
pub mod read_model;

pub use blob::{Blobs, Spool};
pub use config::StoreConfig;
pub use error::{BlobError, StoreError};
pub use event_log::{LogEntry, Position};
pub use event_store::{
    Appended, Conditions, Idempotency, IdempotencyRecord, Loaded, Recordable, Recorded,
};
pub use keys::{AccountRecord, KeyRecord};
pub use read_model::{ImageRow, PublicImage};

/// The database: events, log, read models. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {}

impl Store {
    /// Connects and migrates.
    ///
    /// # Errors
    /// When the database cannot be reached, or is newer than this program.
    pub async fn open(_config: &StoreConfig) -> Result<Self, StoreError> {
        unimplemented!()
    }

    /// Waits for what is in flight, then closes every connection.
    pub async fn close(&self) {
        unimplemented!()
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        unimplemented!()
    }
}
