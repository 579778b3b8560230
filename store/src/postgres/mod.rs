//! The backend for several nodes: PostgreSQL 15 or newer.
//!
//! | file | what it does |
//! | --- | --- |
//! | `append` | events and inline tables in one transaction; one round trip where nothing else changes |
//! | `hot` | connections for the statements that every write needs |
//! | `sealer` | gives committed events their place in the log; one process at a time |
//! | `recent_log` | what this process sealed last, for its own readers |
//! | `listener` | hears what other processes write, and wakes who waits in this one |
//! | `import` | a whole log in one transaction |
//! | `secrets` | the table of secrets |
//! | `log`, `keys`, `read_model` | the questions |
//!
//! Write path: append, tell the sealer, it seals, NOTIFY, the projector projects, NOTIFY, the API
//! answers. Each step is also polled for, so a lost notification costs time, never an event.

mod append;
mod hot;
mod import;
mod inline;
mod keys;
mod listener;
mod log;
mod migrate;
mod read_model;
mod rebuild;
mod recent_log;
mod sealer;
mod secrets;
mod tokens;

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions, Connection};
use tokio::task::AbortHandle;

use self::hot::HotConnections;
pub(crate) use self::import::PostgresImport;
use self::recent_log::RecentLog;
pub(crate) use self::sealer::PostgresLead;
use self::sealer::Sealing;
use crate::StoreError;
use crate::master_key::MasterKey;
use crate::progress::{Head, Visibility};

/// How long to wait for a free connection before the request is told to come back later.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// An open PostgreSQL database.
#[derive(Debug)]
pub(crate) struct Postgres {
    pool: PgPool,
    hot: HotConnections,
    options: PgConnectOptions,
    master_key: Arc<MasterKey>,
    pub(crate) head: Arc<Head>,
    recent: Arc<RecentLog>,
    sealing: Arc<Sealing>,
    helpers: [AbortHandle; 2],
}

impl Postgres {
    pub(crate) async fn open(
        url: &str,
        connections: u32,
        master_key: Arc<MasterKey>,
        visibility: Arc<Visibility>,
    ) -> Result<Self, StoreError> {
        // A statement or a transaction that hangs must not hold others back for ever.
        let options = PgConnectOptions::from_str(url)?
            .application_name("photolog")
            .options([
                ("statement_timeout", "30s"),
                ("idle_in_transaction_session_timeout", "60s"),
            ])
            .disable_statement_logging();
        let mut connection = options.connect().await?;
        migrate::run(&mut connection, &master_key).await?;
        connection.close().await?;

        let hot = HotConnections::new(&options, (connections / 2).max(1));
        // No ping before each use: it would double the round trips. A connection that died with
        // the server fails once, as unavailable.
        let pool = PgPoolOptions::new()
            .max_connections((connections - connections / 2).max(1))
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .test_before_acquire(false)
            .connect_with(options.clone())
            .await?;
        let head = Arc::new(Head::default());
        let sealing = Arc::new(Sealing::default());
        // A listener keeps the connection it takes from a pool.
        let own = PgPoolOptions::new().max_connections(1);
        let own = own.connect_lazy_with(options.clone());
        let listening = listener::run(own, head.clone(), visibility, sealing.clone());
        let announcing = listener::announce(pool.clone(), sealing.clone());
        let store = Self {
            pool,
            hot,
            options,
            master_key,
            head,
            recent: Arc::default(),
            helpers: [
                tokio::spawn(listening).abort_handle(),
                tokio::spawn(announcing).abort_handle(),
            ],
            sealing,
        };
        store.head.reached(store.log_head().await?);
        Ok(store)
    }

    pub(crate) async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1").execute(&self.pool).await?;
        Ok(())
    }

    fn stop_helpers(&self) {
        for helper in &self.helpers {
            helper.abort();
        }
    }

    pub(crate) async fn close(&self) {
        self.stop_helpers();
        self.hot.close();
        self.pool.close().await;
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.stop_helpers();
    }
}
