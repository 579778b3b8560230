//! The warm worker in workerd: its latency, its requests per second, and how soon it shows a
//! replaced picture.

use std::time::{Duration, Instant};

use futures::future::join_all;
use photolog_tests::TestApp;
use photolog_tests::edge::{Edge, SECRET};
use photolog_tests::process::free_port;
use reqwest::StatusCode;
use reqwest::header::HeaderValue;

use crate::pictures::photograph;
use crate::public_reads::Nginx;
use crate::wrk::{in_turn, requests_per_second};
use photolog_tests::figure::{Figure, Target, median};

const ANSWERS: usize = 2_001;
const COLD_STARTS: usize = 5;
const REPLACES: u32 = 200;
/// Each replacement waits for most of a second, so several images are replaced side by side.
const SIDE_BY_SIDE: u32 = 8;

pub(crate) async fn measure() -> Vec<Figure> {
    let mut edge = Edge::start().await;
    let link = edge.link(photograph(1)).await;
    let path = format!("/images/{link}?size=400x400");
    let mut figures = vec![
        cold_start(&mut edge, &path).await,
        cached(&edge, &path).await,
        unchanged(&edge, &path).await,
        against_nginx(&edge, &path).await,
    ];
    figures.push(Figure {
        name: "edge, p99 of 200 replaces until shown : 1.1 s",
        unit: "ms",
        measured: p99_until_shown(&edge, SIDE_BY_SIDE).await,
        limit: 1_100.0,
        target: Target::AtMost(1.0),
    });
    drop(edge);
    let port = free_port();
    let edges = format!("http://127.0.0.1:{port}");
    let settings = [("PHOTOLOG_EDGE_SECRET", SECRET), ("PHOTOLOG_EDGES", &edges)];
    let pushed = Edge::before(TestApp::with(settings).await, port).await;
    figures.push(Figure {
        name: "edge that is notified, p99 of 200 replaces : 150 ms",
        unit: "ms",
        measured: p99_until_shown(&pushed, 1).await,
        limit: 150.0,
        target: Target::AtMost(1.0),
    });
    figures
}

/// From the moment when the worker listens until the first whole picture.
async fn cold_start(edge: &mut Edge, path: &str) -> Figure {
    let mut measured = Vec::new();
    for _ in 0..COLD_STARTS {
        edge.restart().await;
        let began = Instant::now();
        picture(edge, path).await;
        measured.push(milliseconds(began.elapsed()));
    }
    Figure {
        name: "edge, first picture after a cold start : 400 ms",
        unit: "ms",
        measured: median(measured),
        limit: 400.0,
        target: Target::AtMost(1.0),
    }
}

async fn cached(edge: &Edge, path: &str) -> Figure {
    picture(edge, path).await;
    let mut measured = Vec::new();
    for _ in 0..ANSWERS {
        let began = Instant::now();
        picture(edge, path).await;
        measured.push(milliseconds(began.elapsed()) * 1_000.0);
    }
    Figure {
        name: "edge, p50 of a cached 400x400 : 1 ms",
        unit: "µs",
        measured: median(measured),
        limit: 1_000.0,
        target: Target::AtMost(1.0),
    }
}

async fn unchanged(edge: &Edge, path: &str) -> Figure {
    let etag = edge.get(path).await.headers()["etag"].clone();
    let mut measured = Vec::new();
    for _ in 0..ANSWERS {
        let began = Instant::now();
        let request = edge.client.get(format!("{}{path}", edge.url));
        let answer = request.header("if-none-match", &etag).send().await;
        assert_eq!(
            answer.expect("an answer").status(),
            StatusCode::NOT_MODIFIED
        );
        measured.push(milliseconds(began.elapsed()) * 1_000.0);
    }
    Figure {
        name: "edge, p50 of a 304 : 0.6 ms",
        unit: "µs",
        measured: median(measured),
        limit: 600.0,
        target: Target::AtMost(1.0),
    }
}

/// workerd has one thread; nginx gets one process.
async fn against_nginx(edge: &Edge, path: &str) -> Figure {
    let nginx = Nginx::serve(&picture(edge, path).await, "1");
    let ours = format!("{}{path}", edge.url);
    let theirs = format!("http://{}/picture.jpg", nginx.address);
    let (measured, limit) = in_turn(
        || requests_per_second(&ours, &[]),
        || requests_per_second(&theirs, &[]),
    );
    Figure {
        name: "edge, cached 400x400 on one core : nginx on one",
        unit: "requests/s",
        measured,
        limit,
        target: Target::None,
    }
}

/// From the response to a replace until the edge's first response that shows it.
async fn p99_until_shown(edge: &Edge, images: u32) -> f64 {
    let replaced = (0..images).map(|number| async move {
        let image = edge.app.uploaded(photograph(1_000 * (number + 1))).await;
        let path = format!("/images/{}", image["publicID"].as_str().expect("publicID"));
        let id = image["imageID"].as_str().expect("imageID");
        let mut measured = Vec::new();
        for round in 1..=REPLACES / images {
            let old = etag(edge, &path).await;
            edge.replace(id, photograph(1_000 * (number + 1) + round))
                .await;
            let replaced = Instant::now();
            while etag(edge, &path).await == old {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            measured.push(milliseconds(replaced.elapsed()));
        }
        measured
    });
    let mut measured: Vec<f64> = join_all(replaced).await.concat();
    measured.sort_by(f64::total_cmp);
    measured[measured.len() * 99 / 100]
}

async fn etag(edge: &Edge, path: &str) -> HeaderValue {
    // Transferring pixels would distort the measurement.
    let answer = edge.client.head(format!("{}{path}", edge.url)).send().await;
    answer.expect("an answer").headers()["etag"].clone()
}

async fn picture(edge: &Edge, path: &str) -> Vec<u8> {
    let answer = edge.get(path).await;
    assert_eq!(answer.status(), StatusCode::OK);
    answer.bytes().await.expect("a picture").to_vec()
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}
