//! Read models are discarded and rebuilt while the server works.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use photolog_tests::{TestApp, pictures, postgres};
use sqlx::{Connection, Executor, PgConnection, SqliteConnection};

async fn heals_under_load(app: TestApp, damage: impl AsyncFn()) {
    for seed in 0..20 {
        app.uploaded(pictures::png(seed)).await;
    }
    damage().await;
    let damaged = app.command(&["verify"]);
    assert!(!damaged.status.success(), "the damage is not seen");

    let app = Arc::new(app);
    let stop = Arc::new(AtomicBool::new(false));
    let writer = tokio::spawn({
        let (app, stop) = (app.clone(), stop.clone());
        async move {
            let mut written = 20;
            while !stop.load(Ordering::Relaxed) {
                let image = app.uploaded(pictures::png(written)).await;
                written += 1;
                let list = app.get("/images?count=1").await;
                let list: serde_json::Value = list.json().await.unwrap();
                assert_eq!(list[0]["imageID"], image["imageID"]);
            }
            written
        }
    });
    for _ in 0..3 {
        let two = [(); 2].map(|()| {
            let app = app.clone();
            tokio::task::spawn_blocking(move || app.command(&["rebuild"]))
        });
        let mut done = 0;
        for rebuilt in two {
            let rebuilt = rebuilt.await.unwrap();
            let stderr = String::from_utf8_lossy(&rebuilt.stderr).into_owned();
            let is_done = rebuilt.status.success();
            done += u32::from(is_done);
            assert!(
                is_done || stderr.contains("another `photolog rebuild`"),
                "{stderr}"
            );
        }
        assert!(done > 0);
    }
    stop.store(true, Ordering::Relaxed);
    let written = writer.await.unwrap();
    assert_eq!(app.list().await.len(), written as usize);
    let verified = app.command(&["verify"]);
    assert!(verified.status.success(), "{verified:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_view_is_rebuilt_on_sqlite() {
    let app = TestApp::spawn().await;
    let file = app.data_dir().join("photolog.sqlite");
    heals_under_load(app, async || {
        let url = format!("sqlite:{}", file.display());
        let mut connection = SqliteConnection::connect(&url).await.unwrap();
        let damage = "UPDATE image_view SET state = json_set(state, '$.content.width', 7)";
        connection.execute(damage).await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_view_is_rebuilt_on_postgres() {
    let url = postgres::new_database().await;
    let app = TestApp::with([("PHOTOLOG_DATABASE_URL", &url)]).await;
    heals_under_load(app, async || {
        let mut connection = PgConnection::connect(&url).await.unwrap();
        let damage =
            "UPDATE image_view SET state = jsonb_set(state::jsonb, '{content,width}', '7')";
        connection.execute(damage).await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_reader_holds_up_the_swap_and_nobody_else() {
    let url = postgres::new_database().await;
    let app = Arc::new(TestApp::with([("PHOTOLOG_DATABASE_URL", &url)]).await);
    let image = app.uploaded(pictures::png(0)).await;
    let image = image["imageID"].as_str().unwrap();
    let mut reader = PgConnection::connect(&url).await.unwrap();
    let mut reading = reader.begin().await.unwrap();
    reading.execute("SELECT * FROM image_view").await.unwrap();
    let rebuilding = app.clone();
    let rebuilt = tokio::task::spawn_blocking(move || rebuilding.command(&["rebuild"]));
    let (began, mut longest) = (Instant::now(), Duration::ZERO);
    for number in 0.. {
        let asked = Instant::now();
        assert_eq!(app.list().await.len(), 1);
        let text = format!("text {number}");
        assert_eq!(app.set_alt_text(image, &text).await.status(), 200);
        longest = longest.max(asked.elapsed());
        if began.elapsed() > Duration::from_secs(6) {
            break;
        }
    }
    assert!(!rebuilt.is_finished(), "the reader held up nothing");
    // The swap waits a second for its lock; a list and a write wait with it.
    assert!(longest < Duration::from_secs(5), "{longest:?}");
    reading.rollback().await.unwrap();
    let rebuilt = rebuilt.await.unwrap();
    assert!(rebuilt.status.success(), "{rebuilt:?}");
    let verified = app.command(&["verify"]);
    assert!(verified.status.success(), "{verified:?}");
}
