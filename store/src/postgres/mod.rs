//! The backend for several nodes: PostgreSQL 15 or newer.
//!
//! | file | what it does |
//! | --- | --- |
//! | `append` | events and constraint tables in one transaction; one round trip for events alone |
//! | `connections` | connections, and deadlines for the operations on them |
//! | `lead` | which process sequences, projects and relays |
//! | `sequencer` | gives committed events their positions in the log; one process at a time |
//! | `recent_log` | the entries that this process sequenced last, for its own readers |
//! | `listener` | receives notifications of other processes, and wakes the waiters in this one |
//! | `import` | import of a whole log in one transaction |
//! | `secrets` | the table of secrets |
//! | `snapshot`, `guards` | a snapshot for inspection; the guards of the tables |
//! | `log`, `keys`, `read_model` | queries |
//!
//! Write path: append, notify the sequencer, sequence, NOTIFY, project, NOTIFY, respond. Each step is
//! also polled for, so a lost notification costs time, never an event.

mod append;
mod connections;
mod constraints;
mod guards;
mod import;
mod keys;
mod lead;
mod listener;
mod log;
mod migrate;
mod read_model;
mod rebuild;
mod recent_log;
mod secrets;
mod sequencer;
mod snapshot;
mod tokens;
mod unsequenced;

use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, Row};
use tokio::task::AbortHandle;
use uuid::Uuid;

use self::connections::{Connections, Losses, WORK};
pub(crate) use self::import::PostgresImport;
pub(crate) use self::lead::PostgresLeadership;
pub(crate) use self::rebuild::PostgresRebuild;
use self::recent_log::RecentLog;
use self::sequencer::Sequencing;
pub(crate) use self::snapshot::PostgresSnapshot;
use crate::StoreError;
use crate::backend::EventTables;
use crate::master_key::MasterKey;
use crate::progress::{Head, Visibility};

/// An open PostgreSQL database.
#[derive(Debug)]
pub(crate) struct Postgres {
    pool: Arc<Connections>,
    /// For the statements that every write needs.
    unpinged: Connections,
    options: PgConnectOptions,
    /// Identifies this process as holder of the lead.
    holder: Uuid,
    master_key: Arc<MasterKey>,
    pub(crate) head: Arc<Head>,
    recent: Arc<RecentLog>,
    sequencing: Arc<Sequencing>,
    /// Idempotency keys older than this, in milliseconds, have been deleted.
    cleared_until: AtomicI64,
    helpers: [AbortHandle; 2],
}

impl Postgres {
    pub(crate) async fn open(
        url: &str,
        connections: u32,
        master_key: Arc<MasterKey>,
        visibility: Arc<Visibility>,
    ) -> Result<Self, StoreError> {
        let options = connections::options(url)?;
        let mut connection = connections::connect(&connections::patient(&options)).await?;
        migrate::run(&mut connection, &master_key).await?;
        connection.close().await?;

        let half = connections / 2;
        let losses = Losses::default();
        let unpinged = Connections::by_key(&options, half.max(1), losses.clone());
        let pool = Connections::new(options.clone(), (connections - half).max(1), losses);
        let pool = Arc::new(pool);
        let head = Arc::new(Head::default());
        let sequencing = Arc::new(Sequencing::default());
        let listening = listener::run(
            options.clone(),
            head.clone(),
            visibility,
            sequencing.clone(),
        );
        let announcing = listener::announce(pool.clone(), sequencing.clone());
        let store = Self {
            pool,
            unpinged,
            options,
            holder: Uuid::now_v7(),
            master_key,
            head,
            recent: Arc::default(),
            cleared_until: AtomicI64::new(0),
            helpers: [
                tokio::spawn(listening).abort_handle(),
                tokio::spawn(announcing).abort_handle(),
            ],
            sequencing,
        };
        store.head.reached(store.log_head().await?);
        Ok(store)
    }

    pub(crate) async fn exists(url: &str) -> Result<bool, StoreError> {
        let mut connection = connections::connect(&connections::options(url)?).await?;
        let exists = connections::within(WORK, migrate::is_done(&mut connection)).await?;
        connection.close().await?;
        Ok(exists)
    }

    /// Whether it is not a standby, and its role may insert events.
    pub(crate) async fn takes_writes(&self) -> Result<(), StoreError> {
        let query = sqlx::query(
            "SELECT NOT current_setting('transaction_read_only')::boolean,
                    has_table_privilege('events', 'INSERT')",
        );
        let rows = self.pool.fetch_all(query).await?;
        for row in rows {
            if !row.try_get(0)? {
                return Err(StoreError::ReadOnlyDatabase);
            }
            if !row.try_get(1)? {
                return Err(StoreError::NoRight("insert events"));
            }
        }
        Ok(())
    }

    fn stop_helpers(&self) {
        for helper in &self.helpers {
            helper.abort();
        }
    }

    pub(crate) fn close(&self) {
        self.stop_helpers();
        self.unpinged.close();
        self.pool.close();
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.stop_helpers();
    }
}
