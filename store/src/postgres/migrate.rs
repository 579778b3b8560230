//! Migrates the tables of a database to the current schema.
//!
//! Any number of nodes may do so at once: an advisory lock admits one at a time. When there is
//! nothing to migrate, read access is enough, so a restricted role can start.

use photolog_domain::{KeyId, KeyVerifiers};
use sqlx::postgres::PgConnection;
use sqlx::{Connection, Executor, Row};

use super::secrets;
use crate::StoreError;
use crate::column::clear_verifiers_of;
use crate::master_key::MasterKey;
use crate::secrets::{of_key, verifiers_to_bytes};
use crate::sql;

/// In order; a released migration is never changed.
pub(super) const MIGRATIONS: &[&str] = &[
    include_str!("../../migrations/postgres/0001_events.sql"),
    include_str!("../../migrations/postgres/0002_secrets.sql"),
    include_str!("../../migrations/postgres/0003_token_families.sql"),
    include_str!("../../migrations/postgres/0004_master_index.sql"),
    include_str!("../../migrations/postgres/0005_lead.sql"),
    include_str!("../../migrations/postgres/0006_searches.sql"),
    include_str!("../../migrations/postgres/0007_accounts_and_keys.sql"),
];

/// The migration that moves the verifiers of keys out of their table.
const SECRETS: i64 = 2;

/// The advisory lock of migrations: an arbitrary number, the same in every version.
const LOCK: i64 = 7_105_821_001;

pub(super) async fn run(
    connection: &mut PgConnection,
    master_key: &MasterKey,
) -> Result<(), StoreError> {
    let mut transaction = connection.begin().await?;
    let read_only: bool = sqlx::query("SELECT current_setting('transaction_read_only')::boolean")
        .fetch_one(&mut *transaction)
        .await?
        .try_get(0)?;
    if read_only {
        return Err(StoreError::ReadOnlyDatabase);
    }
    sqlx::query("SELECT pg_advisory_xact_lock($1)")
        .bind(LOCK)
        .execute(&mut *transaction)
        .await?;
    if !is_done(&mut transaction).await? {
        transaction
            .execute("CREATE TABLE photolog_migrations (version bigint NOT NULL PRIMARY KEY)")
            .await?;
    }
    let done: i64 = sqlx::query("SELECT coalesce(max(version), 0) FROM photolog_migrations")
        .fetch_one(&mut *transaction)
        .await?
        .try_get(0)?;
    let known = MIGRATIONS.len();
    let count = usize::try_from(done).unwrap_or(usize::MAX);
    let Some(pending) = MIGRATIONS.get(count..) else {
        return Err(StoreError::newer_database(count, known));
    };
    let mut verifiers = Vec::new();
    for (version, migration) in (done + 1..).zip(pending) {
        if version == SECRETS {
            verifiers = clear_verifiers(&mut transaction).await?;
        }
        transaction.execute(*migration).await?;
        sqlx::query("INSERT INTO photolog_migrations (version) VALUES ($1)")
            .bind(version)
            .execute(&mut *transaction)
            .await?;
    }
    secrets::agree_on_master_key(&mut transaction, master_key).await?;
    for (key_id, verifiers) in &verifiers {
        let (name, secret) = (of_key(key_id), verifiers_to_bytes(verifiers));
        secrets::put(&mut transaction, master_key, &name, 1, &secret, false).await?;
    }
    transaction.commit().await?;
    Ok(())
}

/// Whether any migration has run in this database.
pub(super) async fn is_done(connection: &mut PgConnection) -> Result<bool, StoreError> {
    let done = sqlx::query("SELECT to_regclass('photolog_migrations') IS NOT NULL")
        .fetch_one(connection)
        .await?
        .try_get(0)?;
    Ok(done)
}

/// The verifiers of keys as their table stored them.
async fn clear_verifiers(
    connection: &mut PgConnection,
) -> Result<Vec<(KeyId, KeyVerifiers)>, StoreError> {
    sqlx::query(sql::CLEAR_VERIFIERS)
        .fetch_all(connection)
        .await?
        .iter()
        .map(clear_verifiers_of)
        .collect()
}
