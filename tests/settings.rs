//! Settings that cannot work: one clear line that names the setting, and no half-started service.

use std::process::{Command, Output};
use std::time::{Duration, Instant};

use async_nats::jetstream::{self, stream};
use bytes::Bytes;
use http_body_util::Full;
use hyper::{Response, StatusCode};
use photolog_tests::gate::{Gate, Verdict};
use photolog_tests::nats::Nats;
use photolog_tests::process::{PATIENCE, master_key, program};
use photolog_tests::{TestApp, pictures, postgres};
use sqlx::{Connection, Executor, PgConnection};

/// Runs one of our programs until it ends.
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

/// The program must fail with one line that contains `words`.
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

/// SQLite does not support a projector beside API nodes.
#[test]
fn parts_of_a_service_need_a_database_that_they_can_share() {
    for part in ["api", "projector"] {
        let folder = tempfile::tempdir().unwrap();
        let refused = Command::new(program("photolog"))
            .arg(part)
            .env("PHOTOLOG_DATA_DIR", folder.path().join("data"))
            .output()
            .unwrap();
        refuses(&refused, &["--database-url", "one process", "`photolog`"]);
        assert!(!folder.path().join("data").exists());
    }
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

    // Once the operator has made room, the relay resumes by itself.
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

/// Waits until the program has logged this; returns how often it has.
async fn logged(app: &TestApp, words: &str) -> usize {
    let began = Instant::now();
    while !app.log().contains(words) {
        assert!(began.elapsed() < PATIENCE, "{}", app.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // Longer than the first pauses between retries.
    tokio::time::sleep(Duration::from_secs(2)).await;
    app.log().matches(words).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_of_another_database_is_reported_once_with_the_way_out() {
    let nats = Nats::start();
    let jetstream = jetstream::new(async_nats::connect(nats.url()).await.unwrap());
    let lost = TestApp::with([("PHOTOLOG_NATS_URL", &nats.url())]).await;
    lost.uploaded(pictures::png(0)).await;
    let began = Instant::now();
    while jetstream.get_stream("PHOTOLOG").await.is_err() {
        assert!(began.elapsed() < PATIENCE, "{}", lost.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    drop(lost);
    let restored = TestApp::with([("PHOTOLOG_NATS_URL", &nats.url())]).await;
    assert_eq!(
        logged(&restored, "--nats-stream").await,
        1,
        "{}",
        restored.log()
    );
    let log = restored.log();
    let line = log
        .lines()
        .find(|line| line.contains("--nats-stream"))
        .unwrap();
    for words in [
        "PHOTOLOG",
        "restored",
        "remove the stream",
        "--nats-subject-prefix",
    ] {
        assert!(line.contains(words), "{words:?} is not in {line}");
    }
    // Renaming the stream is not enough, because the old stream holds the subjects.
    let renamed = TestApp::with([
        ("PHOTOLOG_NATS_URL", nats.url().as_str()),
        ("PHOTOLOG_NATS_STREAM", "PHOTOLOG2"),
    ])
    .await;
    assert_eq!(
        logged(&renamed, "--nats-subject-prefix").await,
        1,
        "{}",
        renamed.log()
    );
    restored.uploaded(pictures::png(0)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edge_with_another_secret_is_reported_at_the_start_and_once() {
    let edge = Gate::open_before("http://127.0.0.1:1").await;
    edge.judge(|_| {
        let mut answer = Response::new(Full::new(Bytes::new()));
        *answer.status_mut() = StatusCode::UNAUTHORIZED;
        Verdict::Answer(answer)
    });
    let url = format!("http://user:hunter2@{}", edge.address);
    let app = TestApp::with([
        ("PHOTOLOG_EDGE_SECRET", "a secret for tests only"),
        ("PHOTOLOG_EDGES", &url),
    ])
    .await;
    assert_eq!(logged(&app, "--edge-secret").await, 1, "{}", app.log());
    assert!(!app.log().contains("hunter2"), "{}", app.log());
}

#[test]
fn a_misspelt_variable_is_reported_in_the_log() {
    let output = run(
        "photolog",
        &[
            ("PHOTOLOG_DATABSE_URL", "x"),
            ("PHOTOLOG_LISTEN", "192.0.2.1:1"),
        ],
    );
    let said = String::from_utf8_lossy(&output.stderr);
    let line = said.lines().next().unwrap_or_default();
    assert!(
        line.contains("PHOTOLOG_DATABSE_URL is not a setting; did you mean PHOTOLOG_DATABASE_URL?"),
        "{said}"
    );
    refuses(&output, &["--listen"]);
}
