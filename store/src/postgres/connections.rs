//! Connections to the server, opened on demand, the most recently used first; and deadlines for the
//! operations that use them.
//!
//! sqlx sets no time limit, and its pool pings a connection whose statement was cancelled: on a
//! connection that died silently, the ping never returns. Here each operation has a deadline, and a
//! connection whose operation did not finish is closed at once.

use std::io;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sqlx::postgres::{PgArguments, PgConnectOptions, PgConnection, PgRow};
use sqlx::query::Query;
use sqlx::{ConnectOptions, Connection, Postgres};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use crate::StoreError;

/// Deadline of an operation, including the wait for a connection: a server that does not answer is
/// detected within ten seconds, even if it takes two attempts.
pub(super) const WORK: Duration = Duration::from_secs(5);

/// Deadline for a new connection.
const CONNECTING: Duration = Duration::from_secs(3);

/// How long to wait for a free connection before the request fails as temporarily unavailable.
const FREE: Duration = Duration::from_secs(4);

/// A connection idle for longer may have been cut on the way, for example by a firewall.
const LONGEST_REST: Duration = Duration::from_secs(300);

/// Server-side limits for abandoned operations and for clients that are gone. The TCP settings have
/// no effect on a Unix socket.
///
/// Each statement has its index. Otherwise the server would scan a table sequentially while it is
/// small, and keep that plan while the table grows; and it would JIT-compile our short statements
/// when it estimates them as expensive.
const SERVER_SIDE: [(&str, &str); 9] = [
    ("enable_seqscan", "off"),
    ("jit", "off"),
    ("statement_timeout", "5s"),
    ("idle_in_transaction_session_timeout", "5s"),
    ("client_connection_check_interval", "2s"),
    ("tcp_keepalives_idle", "5"),
    ("tcp_keepalives_interval", "1"),
    ("tcp_keepalives_count", "3"),
    ("tcp_user_timeout", "5000"),
];

/// Connection options for the server at this URL.
pub(super) fn options(url: &str) -> Result<PgConnectOptions, sqlx::Error> {
    Ok(PgConnectOptions::from_str(url)?
        .application_name("photolog")
        .options(SERVER_SIDE)
        .disable_statement_logging())
}

/// The same for long operations, such as the import of a whole log.
pub(super) fn patient(options: &PgConnectOptions) -> PgConnectOptions {
    let longer = [
        ("statement_timeout", "10min"),
        ("idle_in_transaction_session_timeout", "60s"),
    ];
    options.clone().options(longer)
}

/// A new connection.
pub(super) async fn connect(options: &PgConnectOptions) -> Result<PgConnection, sqlx::Error> {
    within(CONNECTING, options.connect()).await
}

/// The result of a query, or the error of a server that does not answer in time.
pub(super) async fn within<T, E: From<sqlx::Error>>(
    limit: Duration,
    query: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let answer = timeout(limit, query).await;
    answer.unwrap_or_else(|_| Err(silence().into()))
}

/// The error of a server that does not answer.
fn silence() -> sqlx::Error {
    let silence = "the server does not answer in time";
    sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, silence))
}

/// How often a server was silent or gone. Connections that were idle at the time, in all pools that
/// share this, are not used again: most likely they are all lost.
#[derive(Clone, Debug, Default)]
pub(super) struct Losses(Arc<AtomicU64>);

/// A bounded set of connections.
#[derive(Debug)]
pub(super) struct Connections {
    options: PgConnectOptions,
    idle: Mutex<Vec<Resting>>,
    permits: Semaphore,
    losses: Losses,
}

/// An idle connection.
#[derive(Debug)]
struct Resting {
    connection: PgConnection,
    since: Instant,
    losses: u64,
}

/// Whether a statement failed because of concurrent ones, so that the next one may succeed:
/// serialisation failure, deadlock, lock not available, statement timeout.
fn leaves_the_connection(error: &sqlx::Error) -> bool {
    const CODES: [&str; 4] = ["40001", "40P01", "55P03", "57014"];
    let code = error.as_database_error().and_then(|error| error.code());
    code.is_some_and(|code| CODES.contains(&code.as_ref()))
}

impl Losses {
    fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Connections {
    pub(super) fn new(options: PgConnectOptions, most: u32, losses: Losses) -> Self {
        Self {
            options,
            idle: Mutex::default(),
            permits: Semaphore::new(most as usize),
            losses,
        }
    }

    /// For statements that find their rows by a key, one by one. Without this the planner replans
    /// each execution, and scans whole tables while they are small or their statistics outdated.
    pub(super) fn by_key(options: &PgConnectOptions, most: u32, losses: Losses) -> Self {
        let options = options.clone().options([
            ("plan_cache_mode", "force_generic_plan"),
            ("enable_seqscan", "off"),
            ("enable_memoize", "off"),
        ]);
        Self::new(options, most, losses)
    }

    /// Runs an operation on a connection. If it is cancelled, the connection is closed.
    pub(super) async fn ask<T>(
        &self,
        work: impl AsyncFnOnce(&mut PgConnection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.ask_within(WORK, work).await
    }

    /// As [`Connections::ask`], with an earlier deadline.
    pub(super) async fn ask_within<T>(
        &self,
        limit: Duration,
        work: impl AsyncFnOnce(&mut PgConnection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let asked = async {
            let (mut connection, _permit) = self.take().await?;
            let losses = self.losses.count();
            let answer = work(&mut connection).await;
            self.put_back(connection, losses, &answer);
            answer
        };
        timeout(limit, asked).await.unwrap_or_else(|_| {
            tracing::warn!("the database does not answer in time");
            self.losses.add();
            Err(silence().into())
        })
    }

    /// The rows of a query.
    pub(super) async fn fetch_all(
        &self,
        query: Query<'_, Postgres, PgArguments>,
    ) -> Result<Vec<PgRow>, StoreError> {
        self.ask(async |connection| Ok(query.fetch_all(connection).await?))
            .await
    }

    /// The first row of a query.
    pub(super) async fn fetch_optional(
        &self,
        query: Query<'_, Postgres, PgArguments>,
    ) -> Result<Option<PgRow>, StoreError> {
        self.ask(async |connection| Ok(query.fetch_optional(connection).await?))
            .await
    }

    /// Runs an operation in one transaction, which is rolled back when the operation fails.
    pub(super) async fn transact<T>(
        &self,
        work: impl AsyncFnOnce(&mut PgConnection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.ask(async |connection| {
            let mut transaction = connection.begin().await?;
            let done = work(&mut transaction).await;
            match done {
                Ok(_) => transaction.commit().await?,
                // Otherwise the rollback would wait until the connection's next use, and the locks
                // would be held until then.
                Err(_) => transaction.rollback().await?,
            }
            done
        })
        .await
    }

    async fn take(&self) -> Result<(PgConnection, SemaphorePermit<'_>), StoreError> {
        let permit = timeout(FREE, self.permits.acquire()).await;
        let permit = permit.map_err(|_| sqlx::Error::PoolTimedOut)?;
        let permit = permit.map_err(|_| sqlx::Error::PoolClosed)?;
        let connection = match self.rested() {
            Some(connection) => connection,
            None => connect(&self.options).await?,
        };
        Ok((connection, permit))
    }

    fn rested(&self) -> Option<PgConnection> {
        let mut idle = self.idle();
        let resting = idle.pop()?;
        let is_fresh = resting.since.elapsed() < LONGEST_REST;
        if is_fresh && resting.losses == self.losses.count() {
            return Some(resting.connection);
        }
        // The others have been idle even longer.
        idle.clear();
        None
    }

    /// Keeps a connection for the next operation, unless it failed.
    fn put_back<T>(&self, connection: PgConnection, losses: u64, answer: &Result<T, StoreError>) {
        match answer {
            Err(StoreError::Unavailable(error)) if !leaves_the_connection(error) => {
                self.losses.add();
            }
            _ if self.permits.is_closed() => {}
            _ => self.idle().push(Resting {
                connection,
                since: Instant::now(),
                losses,
            }),
        }
    }

    /// Closes idle connections; the others close when they are returned.
    pub(super) fn close(&self) {
        self.permits.close();
        self.idle().clear();
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Resting>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
