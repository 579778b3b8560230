//! The database as `photolog verify` reads it: a snapshot of all tables, through a connection that
//! cannot write.
//!
//! One transaction sees the log, the tables derived from it and the checkpoints as of the same
//! commit, so a half-finished change of a running server is never visible. The transaction is short:
//! it ends before any image is read.

use cqrs_es::persist::SerializedEvent;

use super::{Backend, on_backend};
use crate::backend::SnapshotTransaction;
use crate::chain::Position;
use crate::config::StoreConfig;
use crate::error::StoreError;
use crate::log_entry::LogRow;
use crate::master_key::{MasterKey, MasterKeyFile};
use crate::postgres::PostgresSnapshot;
use crate::secrets::{WrappedSecret, key_of, open_verifiers};
use crate::snapshot::{Columns, GuardFault, KeptSecret, LoggedEvent, Misplaced, Table, columns};
use crate::sqlite::SqliteSnapshot;

/// A snapshot of the database.
#[derive(Debug)]
pub struct Snapshot {
    backend: Backend<SqliteSnapshot, PostgresSnapshot>,
    master_key: MasterKey,
}

impl Snapshot {
    /// Opens the database for reading; creates, migrates and changes nothing.
    ///
    /// # Errors
    /// When there is no database, it cannot be read, is older or newer than this program, or has
    /// another master key.
    pub async fn open(config: &StoreConfig, master_key: MasterKeyFile) -> Result<Self, StoreError> {
        let mut snapshot = Self {
            backend: match config {
                StoreConfig::Sqlite { path } => Backend::Sqlite(SqliteSnapshot::open(path).await?),
                StoreConfig::Postgres { url, .. } => {
                    Backend::Postgres(PostgresSnapshot::open(url).await?)
                }
            },
            master_key: MasterKey::new(master_key),
        };
        let check = on_backend!(&mut snapshot.backend, master_key_check())?;
        snapshot.master_key.of_check(&check)?;
        Ok(snapshot)
    }

    /// Ends the transaction. `false` when a server began to write meanwhile and the reads may have
    /// seen half of a change; they must then be discarded.
    pub async fn close(self) -> bool {
        on_backend!(self.backend, close())
    }

    /// At most `limit` log entries after `after`, in order; entries without an event are left
    /// out.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn log(
        &mut self,
        after: Position,
        limit: u32,
    ) -> Result<Vec<LoggedEvent>, StoreError> {
        let rows = on_backend!(&mut self.backend, log(after, limit))?;
        let logged = |row: LogRow| LoggedEvent {
            account: row.account.clone(),
            event: row.into(),
        };
        Ok(rows.into_iter().map(logged).collect())
    }

    /// Events that wait for their position in the log, in order of arrival; none on SQLite.
    ///
    /// # Errors
    /// When the database fails, or an event is not valid JSON.
    pub async fn waiting(&mut self) -> Result<Vec<SerializedEvent>, StoreError> {
        let waiting = on_backend!(&mut self.backend, waiting())?;
        waiting.iter().map(|event| event.serialized()).collect()
    }

    /// Events and log entries that do not match, at most a thousand.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn misplaced(&mut self) -> Result<Vec<Misplaced>, StoreError> {
        on_backend!(&mut self.backend, misplaced())
    }

    /// Passes on every row of a table, in no particular order.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn each_row(
        &mut self,
        table: Table,
        mut see: impl FnMut(Columns),
    ) -> Result<(), StoreError> {
        let mut read = |text: &str| {
            see(columns(text)?);
            Ok(())
        };
        on_backend!(&mut self.backend, each_row(table, &mut read))
    }

    /// Every secret.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn secrets(&mut self) -> Result<Vec<KeptSecret>, StoreError> {
        let wrapped = on_backend!(&mut self.backend, wrapped_secrets())?;
        Ok(wrapped
            .into_iter()
            .map(|secret| self.kept(secret))
            .collect())
    }

    fn kept(&self, secret: WrappedSecret) -> KeptSecret {
        let verifiers = key_of(&secret.name).and_then(|key_id| {
            let verifiers = open_verifiers(&self.master_key, &key_id, &secret.wrapped);
            Some((key_id, verifiers.ok()?))
        });
        KeptSecret {
            opens: verifiers.is_some()
                || self
                    .master_key
                    .unwrap(&secret.name, &secret.wrapped)
                    .is_ok(),
            name: secret.name,
            version: secret.version,
            verifiers,
        }
    }

    /// The triggers, keys and rights that differ from what the migrations created.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn guard_faults(&mut self) -> Result<Vec<GuardFault>, StoreError> {
        on_backend!(&mut self.backend, guard_faults())
    }
}
