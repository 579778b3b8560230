//! How many commands per second the SQLite store takes, against the bare limit: the same INSERT
//! in a loop over one connection with the same settings.
//!
//! `cargo run --release -p photolog-projector --example write_throughput [seconds]`

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement that cannot go on should stop, and prints its figures"
)]

use std::path::Path;
use std::time::{Duration, Instant};

use photolog_domain::{
    AccountId, Content, Dialect, Digest, EventMetadata, Image, ImageCommand, ImageEvent, ImageId,
    Master, MediaType, Timestamp,
};
use photolog_projector::Projector;
use photolog_projector::settings::RelaySettings;
use photolog_store::{Conditions, Store, StoreConfig};
use sqlx::Connection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use tokio::sync::watch;
use uuid::Uuid;

#[tokio::main]
async fn main() {
    let seconds = std::env::args()
        .nth(1)
        .map_or(4, |text| text.parse().unwrap());
    let span = Duration::from_secs(seconds);
    let bare = bare_inserts(span).await;
    println!("bare INSERT loop, 1 connection, FULL:        {bare:>7.0}/s");
    for (what, length, visible, clients) in [
        ("streams of 5, 1 client", 5, false, 1),
        ("streams of 5, 8 clients", 5, false, 8),
        ("streams of 5, 8 clients, until visible", 5, true, 8),
        ("streams of 5, 32 clients, until visible", 5, true, 32),
        ("streams of 5,000, 8 clients", 5_000, false, 8),
    ] {
        let rate = commands(span, length, visible, clients).await;
        println!("{what:<44} {rate:>7.0}/s  {:.2} of bare", rate / bare);
    }
}

async fn bare_inserts(span: Duration) -> f64 {
    let folder = tempfile::tempdir_in(".").unwrap();
    let options = SqliteConnectOptions::new()
        .filename(folder.path().join("bare.db"))
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::query(
        "CREATE TABLE events (
           aggregate_type text NOT NULL, aggregate_id text NOT NULL, sequence integer NOT NULL,
           event_type text NOT NULL, event_version text NOT NULL, payload text NOT NULL,
           metadata text NOT NULL, PRIMARY KEY (aggregate_type, aggregate_id, sequence)) STRICT",
    )
    .execute(&mut connection)
    .await
    .unwrap();
    let streams: Vec<String> = (0..64).map(|_| Uuid::now_v7().to_string()).collect();
    let payload = serde_json::to_string(&set(1)).unwrap();
    let metadata = serde_json::to_string(&metadata()).unwrap();
    let begin = Instant::now();
    let mut count = 0_usize;
    while begin.elapsed() < span {
        sqlx::query("INSERT INTO events VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")
            .bind("Image")
            .bind(&streams[count % 64])
            .bind((count / 64) as i64 + 1)
            .bind("MetadataSet")
            .bind("1")
            .bind(&payload)
            .bind(&metadata)
            .execute(&mut connection)
            .await
            .unwrap();
        count += 1;
    }
    count as f64 / begin.elapsed().as_secs_f64()
}

async fn commands(span: Duration, length: usize, visible: bool, clients: usize) -> f64 {
    let folder = tempfile::tempdir_in(".").unwrap();
    let store = open(folder.path()).await;
    let (stop, stops) = watch::channel(false);
    let projector = visible
        .then(|| tokio::spawn(Projector::new(store.clone(), RelaySettings::default()).run(stops)));
    let account = AccountId::new(Uuid::now_v7());
    let mut streams = Vec::new();
    for number in 0..(8 * clients) {
        let image = ImageId::new(Uuid::now_v7());
        append(&store, image, 0, vec![uploaded(account, number)]).await;
        for batch in 0..(length - 1).div_ceil(500) {
            let sequence = 1 + 500 * batch;
            let events = (sequence..length.min(sequence + 500)).map(set).collect();
            append(&store, image, sequence as u64, events).await;
        }
        store.load::<Image>(image.uuid()).await.unwrap();
        streams.push(image);
    }
    let begin = Instant::now();
    let tasks: Vec<_> = streams
        .chunks(8)
        .map(|own| {
            let (store, own) = (store.clone(), own.to_vec());
            tokio::spawn(async move {
                let mut count = 0;
                while begin.elapsed() < span {
                    let image = own[count % own.len()];
                    command(&store, image, count, visible).await;
                    count += 1;
                }
                count
            })
        })
        .collect();
    let mut count = 0;
    for task in tasks {
        count += task.await.unwrap();
    }
    let rate = count as f64 / begin.elapsed().as_secs_f64();
    stop.send_replace(true);
    if let Some(projector) = projector {
        projector.await.unwrap();
    }
    store.close().await;
    rate
}

async fn open(folder: &Path) -> Store {
    let config = StoreConfig::Sqlite {
        path: folder.join("photolog.db"),
    };
    Store::open(&config).await.unwrap()
}

/// As the API does it: load, decide, append, wait.
async fn command(store: &Store, image: ImageId, number: usize, visible: bool) {
    let loaded = store.load::<Image>(image.uuid()).await.unwrap();
    let entries = [("a".parse().unwrap(), format!("v{number}").parse().unwrap())].into();
    let events = loaded
        .aggregate
        .decide(
            ImageCommand::SetMetadata {
                entries,
                max_keys: 128,
            },
            at(),
        )
        .unwrap();
    let events = events
        .into_iter()
        .map(|event| (event, metadata()))
        .collect();
    let conditions = Conditions::default();
    let appended = store
        .append::<Image>(image.uuid(), loaded.sequence, events, &conditions)
        .await
        .unwrap();
    if visible {
        let wait = Duration::from_secs(10);
        assert!(store.wait_until_visible(&appended, wait).await.unwrap());
    }
}

async fn append(store: &Store, image: ImageId, sequence: u64, events: Vec<ImageEvent>) {
    let events = events
        .into_iter()
        .map(|event| (event, metadata()))
        .collect();
    store
        .append::<Image>(image.uuid(), sequence, events, &Conditions::default())
        .await
        .unwrap();
}

fn at() -> Timestamp {
    Timestamp::from_unix_millis(1_795_235_786_000).unwrap()
}

fn set(number: usize) -> ImageEvent {
    ImageEvent::MetadataSet {
        at: at(),
        entries: [("a".parse().unwrap(), number.to_string().parse().unwrap())].into(),
    }
}

fn uploaded(account: AccountId, number: usize) -> ImageEvent {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    let digest = Digest::new(bytes);
    let random = Uuid::now_v7().simple().to_string();
    ImageEvent::Uploaded {
        at: at(),
        account,
        public_id: random[11..32].parse().unwrap(),
        content: Content {
            digest,
            media_type: MediaType::Jpeg,
            size_bytes: 1,
            width: 1,
            height: 1,
            has_alpha: false,
        },
        master: Master {
            digest,
            media_type: MediaType::Jpeg,
            width: 1,
            height: 1,
        },
    }
}

fn metadata() -> EventMetadata {
    EventMetadata {
        event_id: Uuid::now_v7(),
        occurred_at: at(),
        actor: "plk_abcdefghijklmnop".into(),
        dialect: Dialect::Moov,
        request_id: "0190f7c2-1111-7aaa-8bbb-123456789abc".into(),
        correlation_id: "0190f7c2-1111-7aaa-8bbb-123456789abc".into(),
        causation_id: Uuid::now_v7(),
        reason: None,
    }
}
