//! Problems of PostgreSQL only: transactions that commit out of order, many nodes, roles.

use std::collections::BTreeMap;
use std::time::Duration;

use cqrs_es::persist::{PersistedEventRepository, SerializedEvent};
use photolog_domain::Image;
use photolog_store::{ImageRow, LogEntry, MasterKeyFile, Store, StoreConfig, StoreError};
use sqlx::postgres::PgListener;
use sqlx::{Connection, Executor, PgConnection, Row};

use crate::given::*;
use crate::view::{NAME, fresh};

fn url(database: &Database) -> &str {
    match &database.config {
        StoreConfig::Postgres { url, .. } => url,
        StoreConfig::Sqlite { .. } => panic!("not PostgreSQL"),
    }
}

/// An event in a stream of its own, as SQL of another program.
fn insert(stream: &str) -> String {
    let metadata = serde_json::to_string(&metadata()).unwrap();
    let payload = serde_json::to_string(&set("a", "b")).unwrap();
    format!(
        "INSERT INTO events VALUES ('Image', '{stream}', 1, 'MetadataSet', '1',
         '{payload}', '{metadata}')"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_transaction_held_open_is_sequenced_late_and_holds_nobody_up() {
    let database = Database::postgres().await;
    let store = &database.store;
    // The control: a reader that remembers its position in a table's own numbering.
    let mut control = PgConnection::connect(url(&database)).await.unwrap();
    control
        .execute("CREATE TABLE numbered (number bigserial, stream text)")
        .await
        .unwrap();
    let mut naive: Vec<String> = Vec::new();
    let mut seen = 0_i64;

    let mut held = PgConnection::connect(url(&database)).await.unwrap();
    let mut open = held.begin().await.unwrap();
    let slow = image().to_string();
    open.execute(insert(&slow).as_str()).await.unwrap();
    let numbered = format!("INSERT INTO numbered (stream) VALUES ('{slow}')");
    open.execute(numbered.as_str()).await.unwrap();

    let written = in_parallel(8, |_| {
        let (store, url) = (store.clone(), url(&database).to_owned());
        async move {
            let mut connection = PgConnection::connect(&url).await.unwrap();
            let (account, image) = (account(), image());
            append(&store, image, 0, [uploaded(account, 1)])
                .await
                .unwrap();
            for sequence in 1..50 {
                append(&store, image, sequence, [set("n", &sequence.to_string())])
                    .await
                    .unwrap();
            }
            let numbered = format!("INSERT INTO numbered (stream) VALUES ('{image}')");
            connection.execute(numbered.as_str()).await.unwrap();
            50
        }
    })
    .await;
    let written: i64 = written.into_iter().sum();

    // All other events are sequenced although the transaction is still open.
    settle(store, written).await;
    let mut read_naively = async |control: &mut PgConnection| {
        let rows = sqlx::query("SELECT number, stream FROM numbered WHERE number > $1 ORDER BY 1")
            .bind(seen)
            .fetch_all(control)
            .await
            .unwrap();
        for row in rows {
            seen = row.get(0);
            naive.push(row.get(1));
        }
    };
    read_naively(&mut control).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    open.commit().await.unwrap();
    read_naively(&mut control).await;
    assert!(!naive.contains(&slow), "the control proves nothing");

    settle(store, written + 1).await;
    let log = whole_log(store).await;
    assert_eq!(log.len() as i64, written + 1);
    assert_eq!(log.last().unwrap().aggregate_id, slow);
    assert!(store.log_is_complete().await.unwrap());
    assert!(store.wait_until_sequenced(Duration::ZERO).await.unwrap());
    database.close().await;
}

/// The number of rows read so far, of each table by sequential scans, and of each index.
async fn rows_read(connection: &mut PgConnection) -> BTreeMap<String, i64> {
    // The server updates these statistics about once a second.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let rows = sqlx::query(
        "SELECT relname::text, seq_tup_read FROM pg_stat_user_tables
         UNION ALL SELECT indexrelname::text, idx_tup_read FROM pg_stat_user_indexes",
    )
    .fetch_all(connection)
    .await
    .unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// A dump holds one snapshot until it ends; rows deleted since then stay in every index. The same
/// applies to a transaction that writes.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_foreign_snapshot_makes_nobody_read_what_is_gone() {
    const EVENTS: u8 = 250;
    let database = Database::postgres().await;
    let store = &database.store;
    let mut operator = PgConnection::connect(url(&database)).await.unwrap();
    let mut dump = PgConnection::connect(url(&database)).await.unwrap();
    dump.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT pg_current_xact_id()")
        .await
        .unwrap();
    let account = account();
    for number in 0..EVENTS {
        append(store, image(), 0, [uploaded(account, number)])
            .await
            .unwrap();
        let (from, to) = (i64::from(number), i64::from(number) + 1);
        settle(store, to).await;
        let saved = store.save_image_rows("v", 1, from, to, &[]).await;
        assert!(saved.unwrap());
        assert_eq!(store.checkpoint("v", 1).await.unwrap(), to);
    }
    // The leader stores its progress every second.
    tokio::time::sleep(Duration::from_secs(2)).await;
    for _ in 0..EVENTS {
        assert_eq!(store.oldest_unsequenced().await.unwrap(), None);
    }
    let mut read = rows_read(&mut operator).await;
    read.retain(|_, rows| *rows > 20 * i64::from(EVENTS));
    assert!(read.is_empty(), "for {EVENTS} events: {read:?}");
    database.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_fewest_connections_are_enough_for_many_writers() {
    let config = StoreConfig::Postgres {
        url: photolog_tests::postgres::new_database().await,
        connections: 2,
    };
    let folder = tempfile::tempdir().unwrap();
    let master_key = MasterKeyFile::in_data_folder(folder.path());
    let store = Store::open(&config, master_key).await.unwrap();
    let sequencer = sequences(&store);
    let account = account();
    in_parallel(16, |writer| {
        let store = store.clone();
        async move {
            let image = image();
            let upload = uploaded(account, writer as u8);
            append(&store, image, 0, [upload]).await.unwrap();
            append(&store, image, 1, [set("a", "b")]).await.unwrap();
        }
    })
    .await;
    settle(&store, 32).await;
    assert_eq!(store.read_log(0, 100).await.unwrap().len(), 32);
    sequencer.abort();
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_was_just_sequenced_is_read_as_the_table_has_it() {
    let database = Database::postgres().await;
    let store = &database.store;
    for seed in 0..10 {
        let image = image();
        append(store, image, 0, [uploaded(account(), seed)])
            .await
            .unwrap();
        append(store, image, 1, [set("a", "\u{e4} \"\\")])
            .await
            .unwrap();
    }
    settle(store, 20).await;
    let read = store.read_log(3, 10).await.unwrap();
    // Another process has sequenced nothing itself.
    let other = database.open_again().await.unwrap();
    let table = other.read_log(3, 10).await.unwrap();
    other.close().await;
    let texts = |entries: &[LogEntry]| format!("{entries:#?}");
    assert_eq!(read.len(), 10);
    assert_eq!(texts(&read), texts(&table));
    database.close().await;
}

/// Each part of `move_on.sql` depends on the part that moves the checkpoint.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_step_that_cannot_move_the_checkpoint_writes_and_notifies_nothing() {
    let database = Database::postgres().await;
    let mut notifications = PgListener::connect(url(&database)).await.unwrap();
    notifications.listen("photolog_view").await.unwrap();
    let step = async |store: &Store, from, to, row: &ImageRow| {
        let rows = std::slice::from_ref(row);
        let moved = store.save_image_rows(NAME, 1, from, to, rows).await;
        (
            moved.unwrap(),
            store.image_rows(&[row.image]).await.unwrap(),
        )
    };
    let without_lead = database.open_again().await.unwrap();
    let [first, refused, last] = [1, 2, 3].map(|position| fresh(account(), position));
    let written = |row: &ImageRow| (true, vec![row.clone()]);
    let nothing = (false, Vec::new());

    assert_eq!(step(&database.store, 0, 1, &first).await, written(&first));
    assert_eq!(step(&database.store, 5, 6, &refused).await, nothing);
    assert_eq!(step(&without_lead, 1, 2, &refused).await, nothing);
    assert_eq!(step(&database.store, 1, 2, &last).await, written(&last));
    for row in [first, last] {
        let notification = notifications.recv().await.unwrap();
        assert_eq!(notification.payload(), format!("{}:1", row.image));
    }
    without_lead.close().await;
    database.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_sequencers_and_rollbacks_leave_one_dense_log() {
    let database = Database::postgres().await;
    let mut nodes = Vec::new();
    for _ in 0..3 {
        let store = database.open_again().await.unwrap();
        nodes.push((sequences(&store), store));
    }
    let written: i64 = in_parallel(16, |writer| {
        let (url, store) = (url(&database).to_owned(), nodes[writer % 3].1.clone());
        async move {
            let mut connection = PgConnection::connect(&url).await.unwrap();
            let image = image();
            let mut sequence = 0;
            for round in 0_u64..20 {
                let mut transaction = connection.begin().await.unwrap();
                let lost = crate::given::image().to_string();
                transaction.execute(insert(&lost).as_str()).await.unwrap();
                tokio::time::sleep(Duration::from_millis((round * 7 + writer as u64) % 10)).await;
                transaction.rollback().await.unwrap();
                let event = match sequence {
                    0 => uploaded(account(), 1),
                    _ => set("n", &sequence.to_string()),
                };
                sequence = append(&store, image, sequence, [event])
                    .await
                    .unwrap()
                    .sequence;
            }
            sequence as i64
        }
    })
    .await
    .into_iter()
    .sum();
    // The sequencing process dies; another takes over.
    database.sequencer_stops();
    settle(&nodes[0].1, written).await;
    let store = &nodes[0].1;
    append(store, image(), 0, [uploaded(account(), 1)])
        .await
        .unwrap();
    settle(store, written + 1).await;
    let log = whole_log(store).await;
    assert_eq!(log.len() as i64, written + 1);
    let mut newest = std::collections::BTreeMap::<&str, i64>::new();
    for entry in &log {
        let before = newest.entry(&entry.aggregate_id).or_default();
        assert_eq!(entry.sequence, *before + 1);
        *before = entry.sequence;
    }
    for (sequencer, store) in nodes {
        sequencer.abort();
        store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_the_stock_repository_writes_reaches_the_log() {
    let database = Database::postgres().await;
    let pool = sqlx::PgPool::connect(url(&database)).await.unwrap();
    let stock = postgres_es::PostgresEventRepository::new(pool);
    let event = SerializedEvent::new(
        image().to_string(),
        1,
        "Image".into(),
        "Disabled".into(),
        "1".into(),
        serde_json::to_value(disabled()).unwrap(),
        serde_json::to_value(metadata()).unwrap(),
    );
    stock.persist::<Image>(&[event], None).await.unwrap();
    settle(&database.store, 1).await;
    database.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_restricted_role_can_do_all_but_change_events() {
    let database = Database::postgres().await;
    let role = format!("app_{}", image().uuid().simple());
    let mut owner = PgConnection::connect(url(&database)).await.unwrap();
    for statement in [
        format!("CREATE ROLE {role} LOGIN"),
        format!("SELECT grant_photolog_to('{role}')"),
    ] {
        owner.execute(statement.as_str()).await.unwrap();
    }
    append(&database.store, image(), 0, [uploaded(account(), 1)])
        .await
        .unwrap();
    for edit in [
        "UPDATE events SET sequence = 7",
        "DELETE FROM events",
        "TRUNCATE events",
        "UPDATE event_log SET global_position = 7",
        "DELETE FROM event_log",
    ] {
        let refused = owner.execute(edit).await.unwrap_err().to_string();
        assert!(refused.contains("append-only"), "{edit}: {refused}");
    }

    let restricted = url(&database).replace("photolog@", &format!("{role}@"));
    let config = StoreConfig::Postgres {
        url: restricted.clone(),
        connections: 4,
    };
    let store = Store::open(&config, database.master_key.clone()).await;
    let store = store.unwrap();
    let (one, account) = (image(), account());
    append(&store, one, 0, [uploaded(account, 1)])
        .await
        .unwrap();
    append(&store, one, 1, [disabled()]).await.unwrap();
    store.token_secret([1; 32]).await.unwrap();
    database.sequencer_stops();
    database.store.resign_lead().await.unwrap();
    let sequencer = sequences(&store);
    until_it_leads(&store).await;
    settle(&store, 3).await;
    assert!(store.save_image_rows("v", 1, 0, 1, &[]).await.unwrap());
    let mut app = PgConnection::connect(&restricted).await.unwrap();
    let refused = app.execute("DELETE FROM events").await.unwrap_err();
    assert!(refused.to_string().contains("permission denied"));
    sequencer.abort();
    store.close().await;
    database.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_nodes_migrate_at_once_and_a_newer_database_is_refused() {
    let url = photolog_tests::postgres::new_database().await;
    let config = StoreConfig::Postgres {
        url: url.clone(),
        connections: 2,
    };
    let folder = tempfile::tempdir().unwrap();
    let master_key = MasterKeyFile::in_data_folder(folder.path());
    let opened = in_parallel(6, |_| {
        let (config, master_key) = (config.clone(), master_key.clone());
        async move { Store::open(&config, master_key).await.map(drop) }
    })
    .await;
    assert!(opened.iter().all(Result::is_ok), "{opened:?}");
    let mut owner = PgConnection::connect(&url).await.unwrap();
    owner
        .execute("INSERT INTO photolog_migrations VALUES (9)")
        .await
        .unwrap();
    let refused = Store::open(&config, master_key).await;
    assert!(matches!(refused, Err(StoreError::NewerDatabase(_))));
}
