//! A snapshot of a SQLite file, read without creating or changing a file.
//!
//! | beside the file | opened by | how it is read |
//! | --- | --- | --- |
//! | no `-wal` | no process | as an immutable file; if a `-wal` has appeared meanwhile, again |
//! | `-wal` and `-shm` | a server, or one that was killed | as any reader, through the `-shm` |
//! | `-wal` alone | no process: it is a copy | exclusively, with the index of the `-wal` in memory; if a `-shm` has appeared meanwhile, again |

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use futures::TryStreamExt;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteLockingMode};
use sqlx::{ConnectOptions, Connection, Executor, Row};

use super::log::WHOLE_LOG;
use super::migrate::MIGRATIONS;
use super::{OPENING_TIMEOUT, secrets};
use crate::backend::SnapshotTransaction;
use crate::column::log_row;
use crate::column::misplaced;
use crate::log_entry::LogRow;
use crate::master_key::Check;
use crate::secrets::WrappedSecret;
use crate::snapshot::{GuardFault, Misplaced, Table, compare_guards};
use crate::stored_event::StoredEvent;
use crate::{Position, StoreError};

/// Compares events with log entries; `how` is as [`misplaced`] reads it.
const MISPLACED: &str = "
SELECT 'no place', aggregate_type, aggregate_id, sequence FROM events
WHERE NOT EXISTS (
  SELECT 1 FROM event_log
  WHERE event_log.aggregate_type = events.aggregate_type
    AND event_log.aggregate_id = events.aggregate_id
    AND event_log.sequence = events.sequence)
UNION ALL
SELECT 'no event', aggregate_type, aggregate_id, sequence FROM event_log
WHERE NOT EXISTS (
  SELECT 1 FROM events
  WHERE event_log.aggregate_type = events.aggregate_type
    AND event_log.aggregate_id = events.aggregate_id
    AND event_log.sequence = events.sequence)
LIMIT 1000";

#[derive(Debug)]
pub(crate) struct SqliteSnapshot {
    connection: Reading,
    /// Set when no process had the file open.
    unshared: Option<Unshared>,
}

/// A connection that stays open until the process ends when closing it would change a file: even a
/// read-only SQLite connection removes a `-wal` that holds no commit, such as that of a server which
/// is just starting.
#[derive(Debug)]
struct Reading {
    connection: Option<SqliteConnection>,
    stays_open: bool,
}

impl Reading {
    fn get(&mut self) -> Result<&mut SqliteConnection, StoreError> {
        let closed = StoreError::Unavailable(sqlx::Error::PoolClosed);
        self.connection.as_mut().ok_or(closed)
    }

    async fn close(mut self) {
        if !self.stays_open
            && let Some(connection) = self.connection.take()
            && let Err(error) = connection.close().await
        {
            tracing::debug!(%error, "the database was not closed cleanly");
        }
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        if self.stays_open {
            std::mem::forget(self.connection.take());
        }
    }
}

/// A file that no process has open, and the file that a server would create beside it.
#[derive(Debug)]
struct Unshared {
    path: PathBuf,
    stamp: Stamp,
    would_come: PathBuf,
}

impl Unshared {
    fn new(path: &Path, would_come: PathBuf) -> Result<Self, StoreError> {
        Ok(Self {
            path: path.to_owned(),
            stamp: stamp(path)?,
            would_come,
        })
    }

    /// Whether it still is not open in any process.
    fn holds(&self) -> bool {
        matches!(is_there(&self.would_come), Ok(false))
            && stamp(&self.path).is_ok_and(|now| now == self.stamp)
    }
}

/// When a file was last written, and its size.
type Stamp = (SystemTime, u64);

impl SqliteSnapshot {
    pub(crate) async fn open(path: &Path) -> Result<Self, StoreError> {
        let folder = path.parent().unwrap_or(path).display();
        if !is_there(path)? {
            return Err(StoreError::NoInstallation(folder.to_string()));
        }
        let (wal, shm) = (beside(path, "-wal"), beside(path, "-shm"));
        let reading = SqliteConnectOptions::new()
            .filename(path)
            .read_only(true)
            .busy_timeout(OPENING_TIMEOUT)
            .disable_statement_logging();
        let (options, unshared, stays_open) = match (is_there(&wal)?, is_there(&shm)?) {
            (false, _) => {
                let file = Unshared::new(path, wal)?;
                (reading.immutable(true), Some(file), false)
            }
            (true, true) => (reading, None, false),
            (true, false) => {
                let file = Unshared::new(path, shm)?;
                let alone = reading.vfs("unix-none");
                let alone = alone.locking_mode(SqliteLockingMode::Exclusive);
                (alone, Some(file), true)
            }
        };
        let mut connection = Reading {
            connection: Some(options.connect().await?),
            stays_open,
        };
        let row = sqlx::query("BEGIN; PRAGMA user_version")
            .fetch_one(connection.get()?)
            .await?;
        let (done, known) = (row.try_get::<u32, _>(0)? as usize, MIGRATIONS.len());
        match done {
            0 => Err(StoreError::NoInstallation(folder.to_string())),
            _ if done < known => Err(StoreError::older_database(done, known)),
            _ if done > known => Err(StoreError::newer_database(done, known)),
            _ => Ok(Self {
                connection,
                unshared,
            }),
        }
    }
}

impl SnapshotTransaction for SqliteSnapshot {
    async fn waiting(&mut self) -> Result<Vec<StoredEvent>, StoreError> {
        Ok(Vec::new())
    }

    async fn close(self) -> bool {
        self.connection.close().await;
        self.unshared.is_none_or(|file| file.holds())
    }

    async fn master_key_check(&mut self) -> Result<Check, StoreError> {
        secrets::check(self.connection.get()?).await
    }

    async fn wrapped_secrets(&mut self) -> Result<Vec<WrappedSecret>, StoreError> {
        secrets::all(self.connection.get()?).await
    }

    async fn log(&mut self, after: Position, limit: u32) -> Result<Vec<LogRow>, StoreError> {
        sqlx::query(WHOLE_LOG)
            .bind(after)
            .bind(limit)
            .fetch_all(self.connection.get()?)
            .await?
            .iter()
            .map(log_row)
            .collect()
    }

    async fn misplaced(&mut self) -> Result<Vec<Misplaced>, StoreError> {
        let rows = sqlx::query(MISPLACED).fetch_all(self.connection.get()?);
        rows.await?.iter().map(misplaced).collect()
    }

    async fn each_row(
        &mut self,
        table: Table,
        read: &mut dyn FnMut(&str) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let table = table.name();
        // Without generated columns.
        let members: Option<String> = sqlx::query(
            "SELECT group_concat(format('''%w'', \"%w\"', name, name)) FROM pragma_table_info(?1)",
        )
        .bind(table)
        .fetch_one(self.connection.get()?)
        .await?
        .try_get(0)?;
        // Without the table there are no rows; its absence is reported with the guards.
        let Some(members) = members else {
            return Ok(());
        };
        let query = format!("SELECT json_object({members}) FROM {table}");
        let mut rows = sqlx::query(&query).fetch(self.connection.get()?);
        while let Some(row) = rows.try_next().await? {
            read(row.try_get(0)?)?;
        }
        Ok(())
    }

    /// Checks all that the migrations create, and the integrity of the file.
    async fn guard_faults(&mut self) -> Result<Vec<GuardFault>, StoreError> {
        let mut sound = SqliteConnectOptions::new()
            .filename(":memory:")
            .disable_statement_logging()
            .connect()
            .await?;
        for migration in MIGRATIONS {
            sound.execute(*migration).await?;
        }
        let expected = schema(&mut sound).await?;
        sound.close().await?;
        // Tables of other programs, such as a replicator's, are ignored.
        let ours: BTreeSet<String> = expected.iter().map(|part| part.table.clone()).collect();
        let found = schema(self.connection.get()?).await?;
        let found = found.into_iter().filter(|part| ours.contains(&part.table));
        let named = |part: SchemaPart| (part.name, part.sql);
        let mut faults = compare_guards(
            expected.into_iter().map(named).collect(),
            found.map(named).collect(),
        );
        let check = sqlx::query("PRAGMA integrity_check").fetch_all(self.connection.get()?);
        for row in check.await? {
            let found: String = row.try_get(0)?;
            if found != "ok" {
                faults.push(GuardFault {
                    subject: "file of the database".to_owned(),
                    expected: Some("ok".to_owned()),
                    found: Some(found),
                });
            }
        }
        Ok(faults)
    }
}

/// A table, an index, a trigger or a view.
struct SchemaPart {
    name: String,
    sql: String,
    /// Its table's name, or its own if it is a table.
    table: String,
}

async fn schema(connection: &mut SqliteConnection) -> Result<Vec<SchemaPart>, StoreError> {
    sqlx::query(
        "SELECT type || ' ' || name, sql, tbl_name FROM sqlite_master WHERE sql IS NOT NULL",
    )
    .fetch_all(connection)
    .await?
    .iter()
    .map(|row| {
        Ok(SchemaPart {
            name: row.try_get(0)?,
            sql: row.try_get(1)?,
            table: row.try_get(2)?,
        })
    })
    .collect()
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

fn stamp(path: &Path) -> Result<Stamp, StoreError> {
    let about = std::fs::symlink_metadata(path).map_err(sqlx::Error::Io)?;
    let written = about.modified().map_err(sqlx::Error::Io)?;
    Ok((written, about.len()))
}

/// Whether a file exists; a symlink, which may lead anywhere, is an error.
fn is_there(path: &Path) -> Result<bool, StoreError> {
    match std::fs::symlink_metadata(path) {
        Ok(found) if found.is_file() => Ok(true),
        Ok(_) => Err(StoreError::Corrupt(format!(
            "{} is not a regular file",
            path.display()
        ))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(sqlx::Error::Io(error).into()),
    }
}
