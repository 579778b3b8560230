//! Behaviour of a SQLite file only: triggers refuse edits, many processes open it, it may be too new.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::path::Path;

use photolog_domain::fixtures::{at, event_metadata};
use photolog_domain::{Account, AccountEvent};
use photolog_store::{Conditions, MasterKeyFile, Store, StoreConfig, StoreError};
use sqlx::SqlitePool;
use uuid::Uuid;

async fn open(folder: &Path) -> Result<Store, StoreError> {
    let config = StoreConfig::Sqlite {
        path: folder.join("photolog.db"),
    };
    Store::open(&config, MasterKeyFile::in_data_folder(folder)).await
}

async fn raw(folder: &Path) -> SqlitePool {
    let url = format!("sqlite:{}", folder.join("photolog.db").display());
    SqlitePool::connect(&url).await.unwrap()
}

async fn open_an_account(store: &Store) -> Result<(), StoreError> {
    let opened = AccountEvent::AccountOpened {
        at: at(),
        name: "demo".into(),
        image_limit: None,
    };
    let events = vec![(opened, event_metadata())];
    store
        .append::<Account>(Uuid::now_v7(), 0, events, &Conditions::default())
        .await
        .map(drop)
}

#[tokio::test]
async fn events_and_log_cannot_be_edited_by_anybody() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await.unwrap();
    open_an_account(&store).await.unwrap();
    let pool = raw(folder.path()).await;
    for edit in [
        "UPDATE events SET payload = '{}'",
        "DELETE FROM events",
        "UPDATE event_log SET hash = zeroblob(32)",
        "DELETE FROM event_log",
        "INSERT INTO event_log VALUES (3, 'Account', 'x', 1, 'x', zeroblob(32))",
        "INSERT INTO events VALUES ('Account', 'x', 2, 'AccountOpened', '1', '{}', '{}')",
        "INSERT INTO events VALUES ('Account', 'x', 1, 'AccountOpened', '1', '{}', '{}')",
        "INSERT OR REPLACE INTO events SELECT aggregate_type, aggregate_id, 1, event_type,
           event_version, '{}', metadata FROM events",
        "INSERT OR IGNORE INTO events VALUES ('Account', 'x', 1, 'AccountOpened', '1', '{}', '{}')",
        "INSERT INTO events SELECT * FROM events WHERE true
           ON CONFLICT DO UPDATE SET payload = '{}'",
        "INSERT OR REPLACE INTO event_log SELECT 2, aggregate_type, aggregate_id, 1, account, hash
           FROM event_log",
        "INSERT OR REPLACE INTO event_log SELECT 1, 'Account', 'x', 1, account, hash FROM event_log",
        "INSERT INTO event_log VALUES (2, 'Account', 'x', 2, 'x', zeroblob(32))",
        "INSERT INTO events VALUES ('Account', 'x', 1, 'AccountOpened', '1', 'no json', '{}')",
    ] {
        let refused = sqlx::query(edit).execute(&pool).await;
        assert!(refused.is_err(), "{edit}");
    }
    assert_eq!(store.read_log(0, 10).await.unwrap().len(), 1);
}

/// A program could write such an event before the database refused it.
#[tokio::test]
async fn an_event_without_a_place_in_the_log_is_no_event() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await.unwrap();
    open_an_account(&store).await.unwrap();
    let pool = raw(folder.path()).await;
    let account: String = sqlx::query_scalar("SELECT aggregate_id FROM events")
        .fetch_one(&pool)
        .await
        .unwrap();
    let account = Uuid::parse_str(&account).unwrap();
    let refusal = "SELECT sql FROM sqlite_master WHERE name = 'events_have_a_place'";
    // One connection, because another would not see at once what this one has dropped.
    let mut connection = pool.acquire().await.unwrap();
    let refusal: String = sqlx::query_scalar(refusal)
        .fetch_one(&mut *connection)
        .await
        .unwrap();
    for statement in [
        "DROP TRIGGER events_have_a_place",
        "INSERT INTO events SELECT aggregate_type, aggregate_id, 2, 'ImageLimitSet', '1',
           '{\"type\":\"ImageLimitSet\",\"at\":\"2026-11-21T04:36:26.000Z\",\"image_limit\":9}',
           metadata FROM events",
        refusal.as_str(),
    ] {
        let done = sqlx::query(statement).execute(&mut *connection).await;
        done.unwrap();
    }
    drop(connection);
    let loaded = store.load::<Account>(account).await.unwrap();
    assert_eq!(loaded.sequence, 1);
    assert_eq!(loaded.aggregate.state().unwrap().image_limit, None);
    assert_eq!(store.read_log(0, 10).await.unwrap().len(), 1);

    // The next event takes its sequence; the one after it follows.
    for sequence in 1..3 {
        let limit = AccountEvent::ImageLimitSet {
            at: "2026-11-21T04:36:27.000Z".parse().unwrap(),
            image_limit: Some(sequence),
        };
        let metadata = store.read_log(0, 1).await.unwrap().remove(0).metadata;
        store
            .append::<Account>(
                account,
                sequence.into(),
                vec![(limit, metadata)],
                &Conditions::default(),
            )
            .await
            .unwrap();
    }
    let loaded = store.load::<Account>(account).await.unwrap();
    assert_eq!(loaded.aggregate.state().unwrap().image_limit, Some(2));
    assert_eq!(store.read_log(0, 10).await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_new_file_may_be_opened_by_many_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let folder = folder.path().to_owned();
            tokio::spawn(async move {
                let store = open(&folder).await.unwrap();
                open_an_account(&store).await.unwrap();
                store.close().await;
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let store = open(folder.path()).await.unwrap();
    assert_eq!(store.log_head().await.unwrap(), 8);
}

#[tokio::test]
async fn a_database_of_a_newer_program_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await.unwrap();
    store.close().await;
    let pool = raw(folder.path()).await;
    sqlx::query("PRAGMA user_version = 9")
        .execute(&pool)
        .await
        .unwrap();
    let refused = open(folder.path()).await;
    assert!(matches!(refused, Err(StoreError::NewerDatabase(_))));
}

#[tokio::test]
async fn a_closed_store_is_unavailable() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await.unwrap();
    store.log_head().await.unwrap();
    store.close().await;
    store.close().await;
    assert!(matches!(
        store.log_head().await,
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
    let store = open(folder.path()).await.unwrap();
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

/// The content of a folder of the first version: its tables, a key, and the secret that signed tokens.
async fn first_version(folder: &Path) -> SqlitePool {
    std::fs::File::create(folder.join("photolog.db")).unwrap();
    let pool = raw(folder).await;
    let tables = include_str!("../migrations/sqlite/0001_events.sql");
    sqlx::raw_sql(tables).execute(&pool).await.unwrap();
    let rows = format!(
        "PRAGMA journal_mode = WAL; PRAGMA user_version = 1;
         INSERT INTO accounts VALUES ('0190f7c2-1111-7aaa-8bbb-123456789abc', 'old', NULL, 1);
         INSERT INTO keys VALUES ('plk_abcdefghijklmnop', '0190f7c2-1111-7aaa-8bbb-123456789abc',
           '{SECRET_SHA256}', '{SIGNING_SHA1}', 'images.read');
         INSERT INTO installation VALUES ('token_secret', x'{}')",
        hex(TOKEN_SECRET)
    );
    sqlx::raw_sql(&rows).execute(&pool).await.unwrap();
    pool
}

const SECRET_SHA256: &str = "5a5b5c5d5e5f5a5b5c5d5e5f5a5b5c5d5e5f5a5b5c5d5e5f5a5b5c5d5e5f6061";
const SIGNING_SHA1: &str = "7a7b7c7d7e7f7a7b7c7d7e7f7a7b7c7d7e7f7071";
const TOKEN_SECRET: &[u8; 32] = b"the secret that signed all tokns";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn a_folder_of_the_first_version_goes_on_and_its_secrets_are_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let pool = first_version(folder.path()).await;
    let in_clear = [
        SECRET_SHA256.as_bytes(),
        SIGNING_SHA1.as_bytes(),
        TOKEN_SECRET,
    ];
    let holds = |secret: &[u8]| {
        let files = std::fs::read_dir(folder.path()).unwrap();
        let mut contents = files.map(|file| std::fs::read(file.unwrap().path()).unwrap());
        contents.any(|content| content.windows(secret.len()).any(|part| part == secret))
    };
    for secret in in_clear {
        assert!(holds(secret), "the test looks at the wrong place");
    }
    pool.close().await;
    let store = open(folder.path()).await.unwrap();
    let key = store.key(&"plk_abcdefghijklmnop".parse().unwrap()).await;
    let key = key.unwrap().unwrap();
    let verifiers = key.verifiers.unwrap();
    assert_eq!(verifiers.secret_sha256.to_string(), SECRET_SHA256);
    assert_eq!(hex(&verifiers.signing_sha1), SIGNING_SHA1);
    assert!(key.signing_key_logged);
    // The old secret was stored in clear, so it is no longer used.
    let secret = store.token_secret([7; 32]).await.unwrap();
    assert_eq!((secret.version, secret.secret), (1, [7; 32]));
    for secret in in_clear {
        assert!(!holds(secret), "{secret:?}");
    }
    store.close().await;
    for secret in in_clear {
        assert!(!holds(secret), "{secret:?}");
    }
}

#[tokio::test]
async fn a_database_and_its_files_are_their_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await.unwrap();
    open_an_account(&store).await.unwrap();
    for file in [
        "photolog.db",
        "photolog.db-wal",
        "photolog.db-shm",
        "master.key",
    ] {
        let found = std::fs::metadata(folder.path().join(file)).unwrap();
        assert_eq!(found.permissions().mode() & 0o777, 0o600, "{file}");
    }
}

#[tokio::test]
async fn a_secret_that_was_replaced_leaves_no_trace_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await.unwrap();
    store.token_secret([7; 32]).await.unwrap();
    let wrapped = || async {
        let pool = raw(folder.path()).await;
        let row = sqlx::query_scalar("SELECT wrapped FROM secrets WHERE name = 'token_secret'");
        let wrapped: Vec<u8> = row.fetch_one(&pool).await.unwrap();
        pool.close().await;
        wrapped
    };
    let old = wrapped().await;
    store.rotate_token_secret([8; 32]).await.unwrap();
    assert_ne!(wrapped().await, old);
    store.close().await;
    let file = std::fs::read(folder.path().join("photolog.db")).unwrap();
    assert!(!file.windows(old.len()).any(|part| part == old));
}
