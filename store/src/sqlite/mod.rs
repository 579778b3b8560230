//! The embedded backend: one SQLite file in WAL mode.
//!
//! | connection | `synchronous` | used by |
//! | --- | --- | --- |
//! | one writer | FULL | `writer`: appends, many in one commit |
//! | one projection writer | NORMAL | `read_model`: rows and their checkpoint |
//! | a few readers | read-only | all other reads |
//! | a few more | read-only | `unpinged`: the queries of every request |
//!
//! SQLite has one write lock. Inside this process the two writing connections take turns by a fair
//! mutex (`turn`), so neither meets SQLite's sleeping busy handler; that remains for other
//! processes, such as the command line.

mod append;
mod constraints;
mod import;
mod keys;
mod lock;
mod log;
mod migrate;
mod read_model;
mod rebuild;
mod secrets;
mod snapshot;
mod tokens;
mod unpinged;
mod writer;

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{ConnectOptions, Connection, Executor};
use tokio::sync::Mutex;

use crate::backend::EventTables;
use crate::error::sqlite_code;
use crate::master_key::MasterKey;
use crate::progress::Head;
use crate::{StoreError, private};
pub(crate) use import::SqliteImport;
pub(crate) use rebuild::SqliteRebuild;
pub(crate) use snapshot::SqliteSnapshot;
use unpinged::UnpingedReaders;
use writer::Writer;

/// Number of readers; more than the cores would not help.
const READERS: u32 = 4;

/// How long a statement waits for another process.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// How long opening waits for other processes that open the file: SQLite grants its lock in no
/// particular order, and on a slow disk each of them takes a second.
const OPENING_TIMEOUT: Duration = Duration::from_secs(30);

/// Pause between two attempts to open.
const OPENING_PAUSE: Duration = Duration::from_millis(20);

/// An open SQLite database.
#[derive(Debug)]
pub(crate) struct Sqlite {
    readers: SqlitePool,
    unpinged: UnpingedReaders,
    writer: Writer,
    turn: Arc<Mutex<WriteLock>>,
    durable: SqliteConnectOptions,
    path: PathBuf,
    file: OpenedFile,
    master_key: Arc<MasterKey>,
    pub(crate) head: Arc<Head>,
}

/// This process's right to write. Its holder may use the projection's connection; the connection
/// for appends belongs to the writer task.
#[derive(Debug)]
struct WriteLock {
    /// `None` after an operation failed: the next one opens a new connection.
    projection: Option<SqliteConnection>,
    relaxed: SqliteConnectOptions,
    is_closed: bool,
}

/// The file that was opened: writes after it was removed or replaced would be lost.
#[derive(Clone, Debug)]
pub(super) struct OpenedFile {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl OpenedFile {
    fn at(path: &Path) -> Result<Self, StoreError> {
        let found = std::fs::metadata(path).map_err(sqlx::Error::Io)?;
        Ok(Self {
            path: path.to_owned(),
            device: found.dev(),
            inode: found.ino(),
        })
    }

    pub(super) fn is_in_place(&self) -> bool {
        let found = std::fs::metadata(&self.path);
        found.is_ok_and(|now| (now.dev(), now.ino()) == (self.device, self.inode))
    }

    /// As [`Self::is_in_place`], as an error before a write.
    pub(super) fn check(&self) -> Result<(), sqlx::Error> {
        match self.is_in_place() {
            true => Ok(()),
            false => Err(sqlx::Error::Io(std::io::Error::other(
                "the file was removed or replaced while it was open",
            ))),
        }
    }
}

impl WriteLock {
    async fn take_connection(&mut self) -> Result<SqliteConnection, StoreError> {
        if self.is_closed {
            return Err(sqlx::Error::PoolClosed.into());
        }
        match self.projection.take() {
            Some(connection) => Ok(connection),
            None => Ok(self.relaxed.connect().await?),
        }
    }
}

/// Connects to a file that may be new. A new file is switched to WAL mode, for which SQLite needs a
/// lock that it does not wait for when several processes open the file at once.
async fn connect_first(options: &SqliteConnectOptions) -> Result<SqliteConnection, StoreError> {
    let began = Instant::now();
    loop {
        match patient(options).connect().await {
            Err(error) if is_busy(&error) && began.elapsed() < OPENING_TIMEOUT => {
                tokio::time::sleep(OPENING_PAUSE).await;
            }
            connected => return Ok(connected?),
        }
    }
}

fn is_busy(error: &sqlx::Error) -> bool {
    const BUSY: i64 = 5;
    let code = error.as_database_error().and_then(sqlite_code);
    code.is_some_and(|code| code & 0xff == BUSY)
}

/// The same with a longer timeout, for opening.
fn patient(options: &SqliteConnectOptions) -> SqliteConnectOptions {
    options.clone().busy_timeout(OPENING_TIMEOUT)
}

/// Sets the normal timeout for statements from now on.
async fn is_open(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    let timeout = format!("PRAGMA busy_timeout = {}", BUSY_TIMEOUT.as_millis());
    connection.execute(timeout.as_str()).await?;
    Ok(())
}

impl Sqlite {
    pub(crate) async fn open(path: &Path, master_key: Arc<MasterKey>) -> Result<Self, StoreError> {
        // SQLite gives the files beside it the same mode.
        if !path.exists() {
            private::create(path, &[]).map_err(sqlx::Error::Io)?;
        }
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .busy_timeout(BUSY_TIMEOUT)
            .disable_statement_logging();

        // Deleted data, such as a revoked key's verifiers, is overwritten.
        let durable = options
            .clone()
            .synchronous(SqliteSynchronous::Full)
            .pragma("secure_delete", "ON");
        let mut connection = connect_first(&durable).await?;
        migrate::run(&mut connection, &master_key).await?;
        is_open(&mut connection).await?;

        // The checkpoint is in the same transaction as the rows: a power cut that loses the last of
        // these commits only makes the projection read a few entries again.
        let relaxed = options.clone().synchronous(SqliteSynchronous::Normal);
        let mut projection = patient(&relaxed).connect().await?;
        is_open(&mut projection).await?;
        let turn = WriteLock {
            projection: Some(projection),
            relaxed,
            is_closed: false,
        };

        let reading = options.read_only(true);
        let unpinged = UnpingedReaders::open(&reading).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(BUSY_TIMEOUT)
            .test_before_acquire(false)
            .after_connect(|connection, _| Box::pin(is_open(connection)))
            .connect_with(patient(&reading))
            .await?;

        let turn = Arc::new(Mutex::new(turn));
        let head = Arc::new(Head::default());
        let file = OpenedFile::at(path)?;
        let writer = Writer::start(
            connection,
            durable.clone(),
            file.clone(),
            turn.clone(),
            head.clone(),
            master_key.clone(),
        );
        let store = Self {
            readers,
            unpinged,
            writer,
            turn,
            durable,
            path: path.to_owned(),
            file,
            master_key,
            head,
        };
        store.head.reached(store.log_head().await?);
        Ok(store)
    }

    pub(crate) async fn exists(path: &Path) -> Result<bool, StoreError> {
        if !path.is_file() {
            return Ok(false);
        }
        // Without a write-ahead log the file is complete; by default SQLite would create one.
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        let is_complete = !Path::new(&log).exists();
        let options = SqliteConnectOptions::new()
            .filename(path)
            .read_only(true)
            .immutable(is_complete)
            .disable_statement_logging();
        let mut connection = connect_first(&options).await?;
        let exists = migrate::is_done(&mut connection).await?;
        connection.close().await?;
        Ok(exists)
    }

    /// Runs an operation on the projection's connection, after waiting for the turn to write. When the
    /// operation fails or is cancelled, the connection is closed, because a transaction left open, for
    /// example after a full disk, would spoil whatever follows.
    async fn in_turn<T>(
        &self,
        work: impl AsyncFnOnce(&mut SqliteConnection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut turn = self.turn.lock().await;
        self.file.check()?;
        let mut connection = turn.take_connection().await?;
        let done = work(&mut connection).await;
        if done.is_ok() {
            turn.projection = Some(connection);
        }
        done
    }

    /// Whether writes to the opened file would last.
    pub(crate) fn takes_writes(&self) -> Result<(), StoreError> {
        match self.file.is_in_place() {
            true => Ok(()),
            false => Err(StoreError::FileGone),
        }
    }

    pub(crate) async fn close(&self) {
        // Readers first: the last connection checkpoints the write-ahead log, if it may write.
        self.unpinged.close().await;
        self.readers.close().await;
        self.writer.close().await;
        let mut turn = self.turn.lock().await;
        turn.is_closed = true;
        if let Some(connection) = turn.projection.take()
            && let Err(error) = connection.close().await
        {
            tracing::warn!(%error, "the database was not closed cleanly");
        }
    }
}
