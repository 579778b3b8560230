//! Connections for the queries of every request. The pool pings each connection when it is returned,
//! which is a round trip to its thread: as much as these queries cost.

use std::sync::{Mutex, PoisonError};

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use super::{BUSY_TIMEOUT, READERS, is_open, patient};
use crate::StoreError;

/// A few connections that only read. A query that is cancelled leaves nothing behind: the
/// connection's own thread finishes it.
#[derive(Debug)]
pub(super) struct UnpingedReaders {
    idle: Mutex<Vec<SqliteConnection>>,
    permits: Semaphore,
}

/// A connection in use; returned when dropped.
pub(super) struct UnpingedReader<'a> {
    readers: &'a UnpingedReaders,
    /// `None` once closed, and while it is being returned.
    connection: Option<SqliteConnection>,
    _permit: SemaphorePermit<'a>,
}

impl UnpingedReaders {
    pub(super) async fn open(options: &SqliteConnectOptions) -> Result<Self, StoreError> {
        let mut idle = Vec::new();
        for _ in 0..READERS {
            let mut connection = patient(options).connect().await?;
            is_open(&mut connection).await?;
            idle.push(connection);
        }
        Ok(Self {
            permits: Semaphore::new(idle.len()),
            idle: Mutex::new(idle),
        })
    }

    /// Waits for a connection.
    pub(super) async fn take(&self) -> Result<UnpingedReader<'_>, StoreError> {
        let permit = timeout(BUSY_TIMEOUT, self.permits.acquire())
            .await
            .map_err(|_| StoreError::Unavailable(sqlx::Error::PoolTimedOut))?
            .map_err(|_| StoreError::Unavailable(sqlx::Error::PoolClosed))?;
        Ok(UnpingedReader {
            readers: self,
            connection: self.lock().pop(),
            _permit: permit,
        })
    }

    /// Closes idle connections; the others close when they are returned.
    pub(super) async fn close(&self) {
        self.permits.close();
        let idle = std::mem::take(&mut *self.lock());
        for connection in idle {
            if let Err(error) = connection.close().await {
                tracing::warn!(%error, "the database was not closed cleanly");
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<SqliteConnection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl UnpingedReader<'_> {
    /// The connection, for queries.
    pub(super) fn connection(&mut self) -> Result<&mut SqliteConnection, StoreError> {
        let closed = StoreError::Unavailable(sqlx::Error::PoolClosed);
        self.connection.as_mut().ok_or(closed)
    }
}

impl Drop for UnpingedReader<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take()
            && !self.readers.permits.is_closed()
        {
            self.readers.lock().push(connection);
        }
    }
}
