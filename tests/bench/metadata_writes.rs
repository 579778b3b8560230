//! Metadata writes per second over HTTP, against the bare limit of the disk: the same event
//! inserted in a loop into a SQLite file with the same settings.

use std::path::Path;
use std::time::{Duration, Instant};

use photolog_tests::TestApp;
use sqlx::ConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};

use crate::pictures::photograph;
use crate::wrk::writes_per_second;
use photolog_tests::figure::{Figure, Target, median};

const CLIENTS: u32 = 8;
const IMAGES_PER_CLIENT: u32 = 4;
const ROUNDS: usize = 3;
const ROUND: Duration = Duration::from_secs(4);

pub(crate) async fn measure() -> Figure {
    let app = TestApp::spawn().await;
    let mut images = Vec::new();
    for seed in 0..CLIENTS * IMAGES_PER_CLIENT {
        let image = app.uploaded(photograph(seed)).await;
        images.push(image["imageID"].as_str().expect("imageID").to_owned());
    }
    let (mut measured, mut limit) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        measured.push(writes_per_second(&app, &images, CLIENTS));
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

/// Inserts an event that the server wrote, one transaction after the other, into a table like the
/// server's.
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
    Ok(f64::from(inserts) / began.elapsed().as_secs_f64())
}
