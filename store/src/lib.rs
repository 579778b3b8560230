//! Everything that knows SQL or a bucket.
//!
//! | file | what it holds |
//! | --- | --- |
//! | [`config`] | where the database and the blobs are |
//! | [`error`] | what can go wrong, in the words of the callers |
//! | [`event_store`] | load a stream, append to it: cqrs-es over SQLite or Postgres |
//! | `event_repository` | the seam to cqrs-es |
//! | [`event_log`] | all streams in one order: `read_log` after a position |
//! | [`read_model`] | the rows a projection writes, the questions the API asks |
//! | [`image_list`] | which of an account's images, in which order, from where on |
//! | [`rebuild`] | the image view built anew beside the one in use |
//! | [`keys`] | access keys and accounts, kept in the append's own transaction |
//! | [`tokens`] | which tokens still count |
//! | [`secrets`] | what nobody may read who has the database alone, in a table of its own |
//! | [`master_key`] | the key that wraps them, in a file |
//! | [`private`] | files that only their owner may read, and reading without detours |
//! | [`blob`] | bytes by digest, in a directory or a bucket |
//! | [`mod@import`] | a whole log, as it leaves one installation and enters another |
//! | [`inline`] | which event changes which of the tables kept in the append's transaction |
//! | [`chain`] | the hash chain over the log, as an outsider may check it |
//! | `fold_cache`, `progress` | folded streams in memory; who waits for what |
//! | `stored_event`, `column`, `compute` | a row of the `events` table; columns into domain types; many rows off the async threads |
//! | `sqlite/`, `postgres/` | the two backends |
//!
//! Start with `Store::append` in [`event_store`], then follow it into `sqlite/writer.rs`.

#![forbid(unsafe_code)]

pub mod blob;
pub mod chain;
mod column;
mod compute;
pub mod config;
pub mod error;
pub mod event_log;
mod event_repository;
pub mod event_store;
mod fold_cache;
pub mod image_list;
pub mod import;
pub mod inline;
pub mod keys;
pub mod master_key;
mod postgres;
pub mod private;
mod progress;
pub mod read_model;
pub mod rebuild;
pub mod secrets;
mod sqlite;
mod stored_event;
pub mod tokens;

use std::sync::Arc;

pub use blob::{Blobs, Spool, StoredBlob};
pub use config::{BlobConfig, BlobUrl, StoreConfig};
pub use error::{BlobError, StoreError};
pub use event_log::{Lead, LogEntry, Position};
pub use event_store::{
    Appended, Conditions, Idempotency, IdempotencyRecord, Loaded, Recordable, Recorded,
};
pub use image_list::{ImageList, ImagePage, Order, Start, Which};
pub use import::{ArchivedEvent, Import, Tail};
pub use keys::{AccountRecord, Claims, KeyRecord};
pub use master_key::{MasterKeyError, MasterKeyFile};
pub use read_model::{ImageRow, PublicImage};
pub use rebuild::Swapped;
pub use secrets::{TokenSecret, WrappedSecrets};
pub use tokens::{NewTokenFamily, Refreshed, TokenFamily};

use fold_cache::FoldCache;
use master_key::MasterKey;
use postgres::Postgres;
use progress::Visibility;
use sqlite::Sqlite;

/// The database: events, log, read models. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    backend: Backend,
    master_key: Arc<MasterKey>,
    folds: Arc<FoldCache>,
    visibility: Arc<Visibility>,
}

/// The database behind the store, chosen once by [`Store::open`].
#[derive(Clone, Debug)]
enum Backend {
    Sqlite(Arc<Sqlite>),
    Postgres(Arc<Postgres>),
}

impl Store {
    /// Connects and migrates.
    ///
    /// # Errors
    /// When the database cannot be reached, is newer than this program, or has another master key.
    pub async fn open(config: &StoreConfig, master_key: MasterKeyFile) -> Result<Self, StoreError> {
        let master_key = Arc::new(MasterKey::new(master_key));
        let visibility = Arc::new(Visibility::default());
        let backend = match config {
            StoreConfig::Sqlite { path } => {
                Backend::Sqlite(Arc::new(Sqlite::open(path, master_key.clone()).await?))
            }
            StoreConfig::Postgres { url, connections } => {
                let postgres =
                    Postgres::open(url, *connections, master_key.clone(), visibility.clone())
                        .await?;
                Backend::Postgres(Arc::new(postgres))
            }
        };
        Ok(Self {
            backend,
            master_key,
            folds: Arc::default(),
            visibility,
        })
    }

    /// Waits for what is in flight, then closes every connection.
    pub async fn close(&self) {
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.close().await,
            Backend::Postgres(postgres) => postgres.close().await,
        }
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.ping().await,
            Backend::Postgres(postgres) => postgres.ping().await,
        }
    }
}
