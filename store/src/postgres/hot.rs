//! Connections for the few statements that every write needs. The pool pings each connection when
//! it comes back, which costs as much as these statements do, and hands out the one that rested
//! longest, whose server process has the coldest caches.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sqlx::ConnectOptions;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use super::ACQUIRE_TIMEOUT;
use crate::StoreError;

/// A connection that rested longer may have been cut on the way, by a firewall for example.
const LONGEST_REST: Duration = Duration::from_secs(300);

/// Connections made when needed, the one used last taken first.
#[derive(Debug)]
pub(super) struct HotConnections {
    options: PgConnectOptions,
    idle: Mutex<Vec<(PgConnection, Instant)>>,
    permits: Semaphore,
}

/// A connection in use. Given up in the middle of a statement, it is closed.
pub(super) struct HotConnection<'a> {
    connections: &'a HotConnections,
    connection: PgConnection,
    _permit: SemaphorePermit<'a>,
}

impl HotConnections {
    pub(super) fn new(options: &PgConnectOptions, most: u32) -> Self {
        // All these statements find their rows by a key, each once. Left to itself the planner
        // ponders each time anew, and reads whole tables while they are small or their statistics
        // old.
        let options = options.clone().options([
            ("plan_cache_mode", "force_generic_plan"),
            ("enable_seqscan", "off"),
            ("enable_memoize", "off"),
        ]);
        Self {
            options,
            idle: Mutex::default(),
            permits: Semaphore::new(most as usize),
        }
    }

    /// Waits for a connection.
    pub(super) async fn take(&self) -> Result<HotConnection<'_>, StoreError> {
        let take = async {
            let permit = self.permits.acquire().await;
            let permit = permit.map_err(|_| sqlx::Error::PoolClosed)?;
            let connection = match self.rested() {
                Some(connection) => connection,
                None => self.options.connect().await?,
            };
            Ok::<_, sqlx::Error>(HotConnection {
                connections: self,
                connection,
                _permit: permit,
            })
        };
        let taken = timeout(ACQUIRE_TIMEOUT, take).await;
        Ok(taken.unwrap_or(Err(sqlx::Error::PoolTimedOut))?)
    }

    fn rested(&self) -> Option<PgConnection> {
        let mut idle = self.idle();
        let (connection, since) = idle.pop()?;
        if since.elapsed() < LONGEST_REST {
            return Some(connection);
        }
        // The others rested longer still.
        idle.clear();
        None
    }

    /// Closes those that nobody uses; the others close when they come back.
    pub(super) fn close(&self) {
        self.permits.close();
        self.idle().clear();
    }

    fn idle(&self) -> MutexGuard<'_, Vec<(PgConnection, Instant)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HotConnection<'_> {
    /// The connection, to ask by.
    pub(super) fn connection(&mut self) -> &mut PgConnection {
        &mut self.connection
    }

    /// Gives the connection back for the next one to ask, and passes on what it answered.
    ///
    /// One that failed is closed, with all that rest: most likely the server went away from all.
    pub(super) fn answered<T>(self, answer: Result<T, StoreError>) -> Result<T, StoreError> {
        let mut idle = self.connections.idle();
        match &answer {
            Err(StoreError::Unavailable(_)) => idle.clear(),
            _ if self.connections.permits.is_closed() => {}
            _ => idle.push((self.connection, Instant::now())),
        }
        drop(idle);
        answer
    }
}
