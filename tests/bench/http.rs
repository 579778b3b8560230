//! The cost of a request's path: one metadata key over HTTP, against a bare warp handler that reads
//! the same database, with as many threads.

use std::net::SocketAddr;

use photolog_tests::TestApp;
use sqlx::Row;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions};
use tokio::runtime::Runtime;
use warp::{Filter, Reply};

use crate::pictures::photograph;
use crate::wrk::{in_turn, requests_per_second};
use photolog_tests::figure::{Figure, Target};

/// As many as the server has.
const READERS: u32 = 4;

pub(crate) async fn measure() -> Figure {
    let app = TestApp::spawn().await;
    let image = app.uploaded(photograph(1)).await;
    let image = image["imageID"].as_str().expect("imageID");
    let answer = app.set_alt_text(image, "A lighthouse").await;
    assert_eq!(answer.status(), 200);

    let bare = Bare::serve(&app, image).await;
    let credentials = format!(
        "Authorization: Uploadcare.Simple {}:{}",
        app.key.0, app.key.1
    );
    let path = format!("/files/{image}/metadata/altText/");
    let ours = format!("{}{path}", app.url);
    let theirs = format!("http://{}{path}", bare.address);
    let (measured, limit) = in_turn(
        || requests_per_second(&ours, &[&credentials]),
        || requests_per_second(&theirs, &[]),
    );
    Figure {
        name: "one metadata key, 32 connections : bare warp handler",
        unit: "requests/s",
        measured,
        limit,
        target: Target::AtLeast(0.5),
    }
}

/// The bare handler, on its own threads.
struct Bare {
    address: SocketAddr,
    runtime: Option<Runtime>,
}

impl Bare {
    async fn serve(app: &TestApp, image: &str) -> Self {
        let database = app.data_dir().join("photolog.sqlite");
        let options = SqliteConnectOptions::new()
            .filename(database)
            .read_only(true);
        let pool = SqlitePoolOptions::new()
            .max_connections(READERS)
            .test_before_acquire(false)
            .connect_with(options)
            .await
            .expect("the server's database");
        let route = warp::path!("files" / String / "metadata" / String)
            .and(warp::any().map(move || pool.clone()))
            .then(value);
        let runtime = Runtime::new().expect("threads");
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0");
        let listener = listener.await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let listener = listener.into_std().expect("a listener");
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            warp::serve(route).incoming(listener).run().await;
        });
        let answer = photolog_tests::client()
            .get(format!("http://{address}/files/{image}/metadata/altText"))
            .send();
        let answer = answer.await.expect("an answer").text().await;
        assert_eq!(answer.expect("text"), "\"A lighthouse\"");
        Self {
            address,
            runtime: Some(runtime),
        }
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// The value that the image's last event sets.
async fn value(image: String, key: String, pool: SqlitePool) -> impl Reply {
    let row = sqlx::query(
        "SELECT payload FROM events WHERE aggregate_type = 'Image' AND aggregate_id = ?1
         ORDER BY sequence DESC LIMIT 1",
    )
    .bind(&image)
    .fetch_one(&pool)
    .await
    .expect("an event");
    let payload: serde_json::Value = serde_json::from_str(row.get(0)).expect("an event's payload");
    warp::reply::json(&payload["entries"][&key])
}
