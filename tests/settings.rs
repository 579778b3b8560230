//! Settings that cannot work: one clear line that names the setting, and no half-started service.

use std::process::{Command, Output};
use std::time::{Duration, Instant};

use async_nats::jetstream::{self, stream};
use photolog_tests::nats::Nats;
use photolog_tests::process::{PATIENCE, master_key, program};
use photolog_tests::{TestApp, pictures, postgres};
use sqlx::{Connection, Executor, PgConnection};

/// Runs a program of ours until it gives up.
fn run(name: &str, settings: &[(&str, &str)]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    Command::new(program(name))
        .env("PHOTOLOG_DATA_DIR", folder.path())
        .env("PHOTOLOG_MASTER_KEY_FILE", master_key(folder.path()))
        .env("PHOTOLOG_LISTEN", "127.0.0.1:0")
        .envs(settings.iter().copied())
        .output()
        .unwrap()
}

/// The program says no, in one line with this in it.
fn refuses(output: &Output, words: &[&str]) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{said}");
    let line = said.lines().last().unwrap_or_default();
    for word in words {
        assert!(line.contains(word), "{word:?} is not in {said}");
    }
    assert!(!said.contains("panicked"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_cannot_be_used_is_named_at_start() {
    let nobody = "postgres://photolog@127.0.0.1:1/photolog";
    let foreign = "mysql://photolog@localhost/photolog";
    for name in ["photolog", "photolog-projector"] {
        refuses(
            &run(name, &[("PHOTOLOG_DATABASE_URL", nobody)]),
            &["--database-url", "refused"],
        );
        refuses(
            &run(name, &[("PHOTOLOG_DATABASE_URL", foreign)]),
            &["--database-url", "postgres://"],
        );
    }
    refuses(
        &run("photolog-projector", &[]),
        &["--database-url", "missing"],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_or_read_only_database_is_left_alone() {
    let url = postgres::new_database().await;
    let settings = [("PHOTOLOG_DATABASE_URL", url.as_str())];
    let migrate = |settings: &[(&str, &str)]| {
        let folder = tempfile::tempdir().unwrap();
        Command::new(program("photolog"))
            .arg("migrate")
            .env("PHOTOLOG_DATA_DIR", folder.path())
            .env("PHOTOLOG_MASTER_KEY_FILE", master_key(folder.path()))
            .envs(settings.iter().copied())
            .output()
            .unwrap()
    };
    assert!(migrate(&settings).status.success());
    assert!(migrate(&settings).status.success(), "safe to run again");

    let read_only = format!("{url}&options=-c%20default_transaction_read_only=on");
    let refused = migrate(&[("PHOTOLOG_DATABASE_URL", &read_only)]);
    refuses(&refused, &["--database-url", "read-only"]);

    let mut owner = PgConnection::connect(&url).await.unwrap();
    let future = "INSERT INTO photolog_migrations VALUES (1000)";
    owner.execute(future).await.unwrap();
    refuses(&migrate(&settings), &["--database-url", "newer"]);
    refuses(
        &run("photolog-projector", &settings),
        &["--database-url", "newer"],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_does_not_fit_is_named_and_writes_go_on() {
    let nats = Nats::start();
    let jetstream = jetstream::new(async_nats::connect(nats.url()).await.unwrap());
    let strange = stream::Config {
        name: "PHOTOLOG".to_owned(),
        subjects: vec!["orders.>".to_owned()],
        ..Default::default()
    };
    jetstream.create_stream(strange).await.unwrap();
    let app = TestApp::with([("PHOTOLOG_NATS_URL", &nats.url())]).await;
    app.uploaded(pictures::png(0)).await;
    let began = Instant::now();
    while !app.log().contains("--nats-stream") {
        assert!(began.elapsed() < PATIENCE, "{}", app.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(app.log().contains("orders.>"), "{}", app.log());

    // Once the operator has made room, the relay goes on by itself.
    jetstream.delete_stream("PHOTOLOG").await.unwrap();
    let mut subscriber = crate::subscriber::Subscriber::connect(&nats.url()).await;
    assert_eq!(subscriber.take(1).await[0]["type"], "photolog.v1.Uploaded");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_nats_everything_else_works() {
    let app = TestApp::with([("PHOTOLOG_NATS_URL", "nats://127.0.0.1:1")]).await;
    app.uploaded(pictures::png(0)).await;
    assert_eq!(app.list().await.len(), 1);
    let began = Instant::now();
    while !app.log().contains("--nats-url") {
        assert!(began.elapsed() < PATIENCE, "{}", app.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
