//! Brings the tables of a SQLite file to the present shape.
//!
//! The file's `user_version` counts the migrations done. All of it happens under the write lock,
//! so that several processes may open a new file at once.

use sqlx::sqlite::SqliteConnection;
use sqlx::{Executor, Row};

use crate::StoreError;

/// In order; a released one is never changed.
const MIGRATIONS: &[&str] = &[
    include_str!("../../migrations/sqlite/0001_events.sql"),
    include_str!("../../migrations/sqlite/0003_token_families.sql"),
    include_str!("../../migrations/sqlite/0004_master_index.sql"),
];

pub(super) async fn run(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    sqlx::query("BEGIN IMMEDIATE")
        .execute(&mut *connection)
        .await?;
    let migrated = pending(connection).await;
    let end = if migrated.is_ok() {
        "COMMIT"
    } else {
        "ROLLBACK"
    };
    sqlx::query(end).execute(&mut *connection).await?;
    migrated
}

async fn pending(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    let done: u32 = sqlx::query("PRAGMA user_version")
        .fetch_one(&mut *connection)
        .await?
        .try_get(0)?;
    let known = MIGRATIONS.len();
    let Some(pending) = MIGRATIONS.get(done as usize..) else {
        return Err(StoreError::NewerDatabase(format!(
            "it has migration {done}, this program knows {known}"
        )));
    };
    for migration in pending {
        connection.execute(*migration).await?;
    }
    sqlx::query(&format!("PRAGMA user_version = {known}"))
        .execute(&mut *connection)
        .await?;
    Ok(())
}
