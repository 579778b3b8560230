//! What only a SQLite file does: refuse edits by its own triggers, be opened by many, be too new.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::path::Path;

use photolog_domain::{Account, AccountEvent, Dialect, EventMetadata};
use photolog_store::{Conditions, Store, StoreConfig, StoreError};
use sqlx::SqlitePool;
use uuid::Uuid;

fn config(folder: &Path) -> StoreConfig {
    StoreConfig::Sqlite {
        path: folder.join("photolog.db"),
    }
}

async fn raw(folder: &Path) -> SqlitePool {
    let url = format!("sqlite:{}", folder.join("photolog.db").display());
    SqlitePool::connect(&url).await.unwrap()
}

async fn open_an_account(store: &Store) -> Result<(), StoreError> {
    let at = "2026-11-21T04:36:26.000Z".parse().unwrap();
    let opened = AccountEvent::AccountOpened {
        at,
        name: "demo".into(),
        image_limit: None,
    };
    let metadata = EventMetadata {
        event_id: Uuid::now_v7(),
        occurred_at: at,
        actor: "operator".into(),
        dialect: Dialect::Cli,
        request_id: "1".into(),
        correlation_id: "1".into(),
        causation_id: Uuid::now_v7(),
        reason: None,
    };
    let events = vec![(opened, metadata)];
    store
        .append::<Account>(Uuid::now_v7(), 0, events, &Conditions::default())
        .await
        .map(drop)
}

#[tokio::test]
async fn events_and_log_cannot_be_edited_by_anybody() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&config(folder.path())).await.unwrap();
    open_an_account(&store).await.unwrap();
    let pool = raw(folder.path()).await;
    for edit in [
        "UPDATE events SET payload = '{}'",
        "DELETE FROM events",
        "UPDATE event_log SET hash = zeroblob(32)",
        "DELETE FROM event_log",
        "INSERT INTO event_log VALUES (3, 'Account', 'x', 1, 'x', zeroblob(32))",
        "INSERT INTO events VALUES ('Account', 'x', 2, 'AccountOpened', '1', '{}', '{}')",
        "INSERT INTO events VALUES ('Account', 'x', 1, 'AccountOpened', '1', 'no json', '{}')",
    ] {
        let refused = sqlx::query(edit).execute(&pool).await;
        assert!(refused.is_err(), "{edit}");
    }
    assert_eq!(store.read_log(0, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_new_file_may_be_opened_by_many_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let config = config(folder.path());
            tokio::spawn(async move {
                let store = Store::open(&config).await.unwrap();
                open_an_account(&store).await.unwrap();
                store.close().await;
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let store = Store::open(&config(folder.path())).await.unwrap();
    assert_eq!(store.log_head().await.unwrap(), 8);
}

#[tokio::test]
async fn a_database_of_a_newer_program_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&config(folder.path())).await.unwrap();
    store.close().await;
    let pool = raw(folder.path()).await;
    sqlx::query("PRAGMA user_version = 9")
        .execute(&pool)
        .await
        .unwrap();
    let refused = Store::open(&config(folder.path())).await;
    assert!(matches!(refused, Err(StoreError::NewerDatabase(_))));
}

#[tokio::test]
async fn a_closed_store_is_unavailable() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&config(folder.path())).await.unwrap();
    store.ping().await.unwrap();
    store.close().await;
    store.close().await;
    assert!(matches!(
        store.ping().await,
        Err(StoreError::Unavailable(_))
    ));
    assert!(matches!(
        open_an_account(&store).await,
        Err(StoreError::Unavailable(_))
    ));
}

#[tokio::test]
async fn a_lock_held_by_another_process_for_too_long_is_unavailable() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&config(folder.path())).await.unwrap();
    let pool = raw(folder.path()).await;
    let mut other = pool.acquire().await.unwrap();
    sqlx::query("BEGIN IMMEDIATE")
        .execute(&mut *other)
        .await
        .unwrap();
    assert!(matches!(
        open_an_account(&store).await,
        Err(StoreError::Unavailable(_))
    ));
    sqlx::query("ROLLBACK").execute(&mut *other).await.unwrap();
    open_an_account(&store).await.unwrap();
}
