//! Metadata writes per second over HTTP, against the bare limit of the disk: the same event
//! inserted in a loop into a SQLite file with the same settings.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use photolog_tests::TestApp;
use sqlx::ConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use tokio::task::JoinSet;

use crate::pictures::photograph;
use photolog_tests::figure::{Figure, Target, median};

const CLIENTS: u32 = 8;
const IMAGES_PER_CLIENT: u32 = 4;
const ROUNDS: usize = 3;
const ROUND: Duration = Duration::from_secs(4);

pub(crate) async fn measure() -> Figure {
    let app = Arc::new(TestApp::spawn().await);
    let mut images = Vec::new();
    for seed in 0..CLIENTS * IMAGES_PER_CLIENT {
        let image = app.uploaded(photograph(seed)).await;
        images.push(image["imageID"].as_str().expect("imageID").to_owned());
    }
    let (mut measured, mut limit) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        measured.push(writes_per_second(&app, &images, CLIENTS).await);
        limit.push(inserts_per_second(&app.data_dir().join("photolog.sqlite")).await);
    }
    Figure {
        name: "metadata PUT, 8 clients : bare INSERT loop",
        unit: "writes/s",
        measured: median(measured),
        limit: median(limit),
        target: Target::AtLeast(0.35),
    }
}

/// Every client writes to its own images, one request after the other.
pub(crate) async fn writes_per_second(app: &Arc<TestApp>, images: &[String], clients: u32) -> f64 {
    let share = images.len() / clients as usize;
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    for images in images.chunks(share.max(1)) {
        let (app, images) = (app.clone(), images.to_vec());
        tasks.spawn(async move {
            let mut writes = 0;
            for image in images.iter().cycle() {
                if began.elapsed() > ROUND {
                    break;
                }
                // Another text each time: a write that changes nothing makes no event.
                let text = format!("after {} nanoseconds", began.elapsed().as_nanos());
                let answer = app.set_alt_text(image, &text).await;
                assert_eq!(answer.status(), 200);
                answer.bytes().await.expect("the whole answer");
                writes += 1;
            }
            writes
        });
    }
    per_second(tasks.join_all().await.iter().sum(), began)
}

/// One INSERT after the other, each its own transaction, of an event that the server wrote,
/// into a table like the server's.
async fn inserts_per_second(server_database: &Path) -> f64 {
    let (table, event) = server_event(server_database)
        .await
        .expect("the server's database");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let database = folder.path().join("bare.sqlite");
    insert_for_a_round(&database, &table, event)
        .await
        .expect("a database of our own")
}

/// Stream, version, payload and metadata of a `MetadataSet`.
type Event = (String, String, String, String);

/// The server's table of events, and one of them.
async fn server_event(database: &Path) -> sqlx::Result<(String, Event)> {
    let mut connection = SqliteConnectOptions::new()
        .filename(database)
        .read_only(true)
        .connect()
        .await?;
    let table = sqlx::query_scalar("SELECT sql FROM sqlite_schema WHERE name = 'events'")
        .fetch_one(&mut connection)
        .await?;
    let event = sqlx::query_as(
        "SELECT aggregate_id, event_version, payload, metadata
         FROM events WHERE event_type = 'MetadataSet' LIMIT 1",
    )
    .fetch_one(&mut connection)
    .await?;
    Ok((table, event))
}

async fn insert_for_a_round(database: &Path, table: &str, event: Event) -> sqlx::Result<f64> {
    let mut connection = SqliteConnectOptions::new()
        .filename(database)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .disable_statement_logging()
        .connect()
        .await?;
    sqlx::raw_sql(table).execute(&mut connection).await?;
    let (stream, version, payload, metadata) = event;
    let began = Instant::now();
    let mut inserts = 0_u32;
    while began.elapsed() < ROUND {
        inserts += 1;
        sqlx::query(
            "INSERT INTO events (aggregate_type, aggregate_id, sequence, event_type,
                                 event_version, payload, metadata)
             VALUES ('Image', ?1, ?2, 'MetadataSet', ?3, ?4, ?5)",
        )
        .bind(&stream)
        .bind(inserts)
        .bind(&version)
        .bind(&payload)
        .bind(&metadata)
        .execute(&mut connection)
        .await?;
    }
    Ok(per_second(inserts, began))
}

fn per_second(count: u32, began: Instant) -> f64 {
    f64::from(count) / began.elapsed().as_secs_f64()
}
