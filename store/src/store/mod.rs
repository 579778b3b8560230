//! The database as the rest of the program uses it, independent of the backend.

mod collection;
mod cqrs;
mod image_list;
mod image_view;
mod import;
mod keys;
mod log;
mod rebuild;
mod secrets;
mod snapshot;
mod streams;
mod tokens;

use std::sync::Arc;

pub use collection::CollectionLock;
pub use import::Import;
pub use log::Leadership;
pub use rebuild::RebuiltView;
pub use snapshot::Snapshot;

use crate::config::StoreConfig;
use crate::error::StoreError;
use crate::fold_cache::FoldCache;
use crate::master_key::{MasterKey, MasterKeyFile};
use crate::postgres::Postgres;
use crate::progress::Visibility;
use crate::sqlite::Sqlite;

/// Calls an operation of the open backend.
macro_rules! on_backend {
    ($backend:expr, $operation:ident($($argument:expr),*)) => {
        match $backend {
            $crate::store::Backend::Sqlite(sqlite) => sqlite.$operation($($argument),*).await,
            $crate::store::Backend::Postgres(postgres) => postgres.$operation($($argument),*).await,
        }
    };
}
use on_backend;

/// The database: events, log, read models. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    backend: Backend,
    master_key: Arc<MasterKey>,
    folds: Arc<FoldCache>,
    visibility: Arc<Visibility>,
}

/// The database behind the store, chosen once by [`Store::open`], or a handle into it.
#[derive(Clone, Debug)]
enum Backend<S = Arc<Sqlite>, P = Arc<Postgres>> {
    Sqlite(S),
    Postgres(P),
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

    /// Whether an installation exists: a database with our tables. Creates and changes nothing.
    ///
    /// # Errors
    /// When the database cannot be reached or read.
    pub async fn exists(config: &StoreConfig) -> Result<bool, StoreError> {
        match config {
            StoreConfig::Sqlite { path } => Sqlite::exists(path).await,
            StoreConfig::Postgres { url, .. } => Postgres::exists(url).await,
        }
    }

    /// Waits for operations in flight, then closes every connection.
    pub async fn close(&self) {
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.close().await,
            Backend::Postgres(postgres) => postgres.close(),
        }
    }

    /// Whether the database accepts writes and stores them.
    ///
    /// # Errors
    /// When it does not, or does not answer.
    pub async fn takes_writes(&self) -> Result<(), StoreError> {
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.takes_writes(),
            Backend::Postgres(postgres) => postgres.takes_writes().await,
        }
    }
}
