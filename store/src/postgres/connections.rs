//! Connections to the server, made when needed, the one used last taken first; and how long the work
//! that needs one may take.
//!
//! sqlx sets no time limit, and its pool asks a connection that was given up in the middle of a
//! statement whether it still works: of one that died without a word, nobody ever hears again. Here
//! each piece of work has a deadline, and a connection whose work was not finished is closed on the
//! spot.

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

/// Until a piece of work is given up, its wait for a connection included: a server that does not
/// answer is noticed within ten seconds, twice if need be.
pub(super) const WORK: Duration = Duration::from_secs(5);

/// Until a new connection must be there.
const CONNECTING: Duration = Duration::from_secs(3);

/// How long to wait for a free connection before the request is told to come back later.
const FREE: Duration = Duration::from_secs(4);

/// A connection that rested longer may have been cut on the way, by a firewall for example.
const LONGEST_REST: Duration = Duration::from_secs(300);

/// What the server does on its side about work that was given up, and about clients that are gone.
/// The settings of TCP have no effect on a Unix socket.
///
/// Each statement has its index. The server would read a table that is small today as a whole, and
/// keep to that plan while the table grows; and it would compile our short statements first where
/// it estimates them as expensive.
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

/// How to reach the server whose URL this is.
pub(super) fn options(url: &str) -> Result<PgConnectOptions, sqlx::Error> {
    Ok(PgConnectOptions::from_str(url)?
        .application_name("photolog")
        .options(SERVER_SIDE)
        .disable_statement_logging())
}

/// The same for work that may take long, such as taking in a whole log.
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

/// How often a server was silent or gone. Connections that rested meanwhile, of all that share this,
/// are not used again: most likely it went away from all.
#[derive(Clone, Debug, Default)]
pub(super) struct Losses(Arc<AtomicU64>);

/// So many connections.
#[derive(Debug)]
pub(super) struct Connections {
    options: PgConnectOptions,
    idle: Mutex<Vec<Resting>>,
    permits: Semaphore,
    losses: Losses,
}

/// A connection that nobody uses.
#[derive(Debug)]
struct Resting {
    connection: PgConnection,
    since: Instant,
    losses: u64,
}

/// Whether a statement failed by what others did, and the next one may succeed: serialisation failure,
/// deadlock, lock not available, statement timeout.
fn leaves_the_connection(error: &sqlx::Error) -> bool {
    const CODES: [&str; 4] = ["40001", "40P01", "55P03", "57014"];
    let code = error.as_database_error().and_then(|told| told.code());
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

    /// For statements that find their rows by a key, each once. Left to itself the planner ponders
    /// each time anew, and reads whole tables while they are small or their statistics old.
    pub(super) fn by_key(options: &PgConnectOptions, most: u32, losses: Losses) -> Self {
        let options = options.clone().options([
            ("plan_cache_mode", "force_generic_plan"),
            ("enable_seqscan", "off"),
            ("enable_memoize", "off"),
        ]);
        Self::new(options, most, losses)
    }

    /// Does a piece of work by a connection. Given up before its end, the connection is closed.
    pub(super) async fn ask<T>(
        &self,
        work: impl AsyncFnOnce(&mut PgConnection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.ask_within(WORK, work).await
    }

    /// As [`Connections::ask`], for work that must be done earlier.
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

    /// The rows of one query.
    pub(super) async fn fetch_all(
        &self,
        query: Query<'_, Postgres, PgArguments>,
    ) -> Result<Vec<PgRow>, StoreError> {
        self.ask(async |connection| Ok(query.fetch_all(connection).await?))
            .await
    }

    /// The first row of one query.
    pub(super) async fn fetch_optional(
        &self,
        query: Query<'_, Postgres, PgArguments>,
    ) -> Result<Option<PgRow>, StoreError> {
        self.ask(async |connection| Ok(query.fetch_optional(connection).await?))
            .await
    }

    /// Does a piece of work in one transaction, which is rolled back when the work fails.
    pub(super) async fn transact<T>(
        &self,
        work: impl AsyncFnOnce(&mut PgConnection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.ask(async |connection| {
            let mut transaction = connection.begin().await?;
            let done = work(&mut transaction).await;
            match done {
                Ok(_) => transaction.commit().await?,
                // Left to itself it is rolled back when the connection is used next, and holds its
                // locks until then.
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
        // The others rested longer still.
        idle.clear();
        None
    }

    /// Keeps a connection for the next one to ask, but for one that failed.
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

    /// Closes those that nobody uses; the others close when they come back.
    pub(super) fn close(&self) {
        self.permits.close();
        self.idle().clear();
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Resting>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
