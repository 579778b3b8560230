//! The embedded backend: one SQLite file in WAL mode.
//!
//! | connection | `synchronous` | used by |
//! | --- | --- | --- |
//! | one writer | FULL | `writer`: appends, many in one commit |
//! | one projection writer | NORMAL | `read_model`: rows and their checkpoint |
//! | a few readers | read-only | everything that only asks |
//! | a few more | read-only | `hot`: what every request asks |
//!
//! SQLite has one write lock. Inside this process the two writing connections take turns by a fair
//! mutex (`turn`), so neither meets SQLite's sleeping busy handler; that is left for other
//! processes, such as the command line.

mod append;
mod hot;
mod import;
mod inline;
mod keys;
mod log;
mod migrate;
mod read_model;
mod rebuild;
mod secrets;
mod tokens;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{ConnectOptions, Connection};
use tokio::sync::Mutex;

use crate::event_store::Append;
use crate::master_key::MasterKey;
use crate::progress::Head;
use crate::{StoreError, private};
use hot::HotReaders;
pub(crate) use import::SqliteImport;
use writer::Writer;

/// Readers; more than cores would only queue elsewhere.
const READERS: u32 = 4;

/// How long a statement waits for another process.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// How long opening waits for other processes that open: SQLite grants its lock in no order, and a
/// slow disk makes each of them take a second.
const OPENING_TIMEOUT: Duration = Duration::from_secs(30);

/// An open SQLite database.
#[derive(Debug)]
pub(crate) struct Sqlite {
    readers: SqlitePool,
    hot: HotReaders,
    writer: Writer,
    turn: Arc<Mutex<Turn>>,
    durable: SqliteConnectOptions,
    master_key: Arc<MasterKey>,
    pub(crate) head: Arc<Head>,
}

/// This process's right to write. Whoever has it may use the projection's connection; the
/// appends' own connection is the writer task's.
#[derive(Debug)]
struct Turn {
    /// `None` once closed.
    projection: Option<SqliteConnection>,
}

impl Turn {
    fn connection(&mut self) -> Result<&mut SqliteConnection, StoreError> {
        let closed = StoreError::Unavailable(sqlx::Error::PoolClosed);
        self.projection.as_mut().ok_or(closed)
    }
}

impl Sqlite {
    pub(crate) async fn open(path: &Path, master_key: Arc<MasterKey>) -> Result<Self, StoreError> {
        // SQLite gives the files beside it the mode that it has.
        private::create(path, &[]).map_err(sqlx::Error::Io)?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .busy_timeout(BUSY_TIMEOUT)
            .disable_statement_logging();

        // What is removed there, such as a revoked key's verifiers, is overwritten.
        let durable = options
            .clone()
            .synchronous(SqliteSynchronous::Full)
            .pragma("secure_delete", "ON");
        let patient = durable.clone().busy_timeout(OPENING_TIMEOUT);
        let mut patient = patient.connect().await?;
        migrate::run(&mut patient, &master_key).await?;
        let connection = durable.connect().await?;
        patient.close().await?;

        // The checkpoint is in the same transaction as the rows: a power cut that takes the last
        // of these commits only makes the projection read a few entries again.
        let relaxed = options.clone().synchronous(SqliteSynchronous::Normal);
        let projection = Some(relaxed.connect().await?);

        let reading = options.read_only(true);
        let hot = HotReaders::open(&reading).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(BUSY_TIMEOUT)
            .test_before_acquire(false)
            .connect_with(reading)
            .await?;

        let turn = Arc::new(Mutex::new(Turn { projection }));
        let head = Arc::new(Head::default());
        let writer = Writer::start(
            connection,
            durable.clone(),
            turn.clone(),
            head.clone(),
            master_key.clone(),
        );
        let store = Self {
            readers,
            hot,
            writer,
            turn,
            durable,
            master_key,
            head,
        };
        store.head.reached(store.log_head().await?);
        Ok(store)
    }

    pub(crate) async fn append(&self, append: Append) -> Result<(), StoreError> {
        self.writer.append(append).await
    }

    pub(crate) async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1").execute(&self.readers).await?;
        Ok(())
    }

    pub(crate) async fn close(&self) {
        self.writer.close().await;
        if let Some(connection) = self.turn.lock().await.projection.take()
            && let Err(error) = connection.close().await
        {
            tracing::warn!(%error, "closing the database");
        }
        self.hot.close().await;
        self.readers.close().await;
    }
}
