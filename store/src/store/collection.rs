//! Work that only one process of an installation may do at a time.

use std::fs::File;

use sqlx::postgres::PgConnection;

use super::{Backend, Store};
use crate::error::StoreError;

/// The right to collect garbage; released when dropped, or when its process ends.
#[derive(Debug)]
pub struct CollectionLock {
    _lock: Backend<File, PgConnection>,
}

impl Store {
    /// Prevents other processes from collecting garbage.
    ///
    /// # Errors
    /// [`StoreError::Collecting`] while another process does; when the database fails.
    pub async fn begin_collection(&self) -> Result<CollectionLock, StoreError> {
        let lock = match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.lock("gc")?.map(Backend::Sqlite),
            Backend::Postgres(postgres) => {
                postgres.lock(COLLECTION_LOCK).await?.map(Backend::Postgres)
            }
        };
        let lock = lock.ok_or(StoreError::Collecting)?;
        Ok(CollectionLock { _lock: lock })
    }
}

/// The advisory lock of a garbage collection: an arbitrary number, the same in every version.
const COLLECTION_LOCK: i64 = 7_105_821_004;
