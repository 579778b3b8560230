//! Migrates the tables of a SQLite file to the current schema.
//!
//! The file's `user_version` counts the migrations. Everything happens under the write lock, so
//! several processes may open a new file at once.

use photolog_domain::{KeyId, KeyVerifiers};
use sqlx::sqlite::SqliteConnection;
use sqlx::{Executor, Row};

use super::secrets;
use crate::StoreError;
use crate::column::clear_verifiers_of;
use crate::master_key::MasterKey;
use crate::secrets::{of_key, verifiers_to_bytes};
use crate::sql;

/// In order; a released migration is never changed.
pub(super) const MIGRATIONS: &[&str] = &[
    include_str!("../../migrations/sqlite/0001_events.sql"),
    include_str!("../../migrations/sqlite/0002_secrets.sql"),
    include_str!("../../migrations/sqlite/0003_token_families.sql"),
    include_str!("../../migrations/sqlite/0004_master_index.sql"),
    include_str!("../../migrations/sqlite/0005_disabled.sql"),
    include_str!("../../migrations/sqlite/0006_marks.sql"),
    include_str!("../../migrations/sqlite/0007_accounts_and_keys.sql"),
    include_str!("../../migrations/sqlite/0008_events_have_a_place.sql"),
];

/// The migration that moves the verifiers of keys out of their table.
const SECRETS: usize = 2;

pub(super) async fn run(
    connection: &mut SqliteConnection,
    master_key: &MasterKey,
) -> Result<(), StoreError> {
    sqlx::query("BEGIN IMMEDIATE")
        .execute(&mut *connection)
        .await?;
    let migrated = pending(connection, master_key).await;
    let end = if migrated.is_ok() {
        "COMMIT"
    } else {
        "ROLLBACK"
    };
    sqlx::query(end).execute(&mut *connection).await?;
    if migrated? {
        // The overwritten values are still in the write-ahead log. A reader may prevent its
        // truncation now; the last connection to close removes it.
        sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
            .execute(connection)
            .await?;
    }
    Ok(())
}

/// Whether any migration was pending.
async fn pending(
    connection: &mut SqliteConnection,
    master_key: &MasterKey,
) -> Result<bool, StoreError> {
    let done = done(connection).await?;
    let known = MIGRATIONS.len();
    let Some(pending) = MIGRATIONS.get(done as usize..) else {
        return Err(StoreError::newer_database(done as usize, known));
    };
    let mut verifiers = Vec::new();
    for (version, migration) in (done as usize + 1..).zip(pending) {
        if version == SECRETS {
            verifiers = clear_verifiers(connection).await?;
        }
        connection.execute(*migration).await?;
    }
    secrets::agree_on_master_key(connection, master_key).await?;
    for (key_id, verifiers) in &verifiers {
        let (name, secret) = (of_key(key_id), verifiers_to_bytes(verifiers));
        secrets::put(connection, master_key, &name, 1, &secret, false).await?;
    }
    sqlx::query(&format!("PRAGMA user_version = {known}"))
        .execute(&mut *connection)
        .await?;
    Ok(!pending.is_empty())
}

/// Whether any migration has run in this file.
pub(super) async fn is_done(connection: &mut SqliteConnection) -> Result<bool, StoreError> {
    Ok(done(connection).await? > 0)
}

/// How many migrations have run.
async fn done(connection: &mut SqliteConnection) -> Result<u32, StoreError> {
    let version = sqlx::query("PRAGMA user_version")
        .fetch_one(connection)
        .await?;
    Ok(version.try_get(0)?)
}

/// The verifiers of keys as their table stored them.
async fn clear_verifiers(
    connection: &mut SqliteConnection,
) -> Result<Vec<(KeyId, KeyVerifiers)>, StoreError> {
    sqlx::query(sql::CLEAR_VERIFIERS)
        .fetch_all(connection)
        .await?
        .iter()
        .map(clear_verifiers_of)
        .collect()
}
