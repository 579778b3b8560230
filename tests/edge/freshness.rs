//! A replaced picture shows at the edge: within a second by revalidation, at once when notified.
//!
//! `cargo xtask bench` measures how soon; the bounds here are those of a busy machine.

use std::time::{Duration, Instant};

use photolog_tests::TestApp;
use photolog_tests::edge::{Edge, SECRET};
use photolog_tests::gate::Gate;
use photolog_tests::pictures::png_of;
use photolog_tests::process::free_port;
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::alike::both;

/// On an idle machine it is 1.1 s.
const BOUND: Duration = Duration::from_secs(5);

async fn etag(edge: &Edge, path: &str) -> String {
    let answer = edge.get(path).await;
    assert_eq!(answer.status(), StatusCode::OK);
    answer.headers()["etag"].to_str().unwrap().to_owned()
}

fn names(image: &Value) -> (&str, String) {
    let link = format!("/images/{}", image["publicID"].as_str().unwrap());
    (image["imageID"].as_str().unwrap(), link)
}

#[tokio::test]
async fn a_replaced_picture_shows_after_a_second() {
    let edge = Edge::start().await;
    let image = edge.app.uploaded(png_of(64, 43, 0)).await;
    let (image, link) = names(&image);
    for seed in 1..4 {
        let old = etag(&edge, &link).await;
        edge.replace(image, png_of(64, 43, seed)).await;
        let replaced = Instant::now();
        while etag(&edge, &link).await == old {
            assert!(replaced.elapsed() < BOUND, "still the old picture");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        both(&edge, &link, &[]).await;
    }
}

/// The edge has the link from before, but not the master, which the origin no longer serves.
#[tokio::test]
async fn a_picture_that_was_replaced_a_moment_ago_shows_as_the_new_one() {
    let edge = Edge::start().await;
    for seed in 1..4 {
        let image = edge.app.uploaded(png_of(64, 43, 10 + seed)).await;
        let (image, link) = names(&image);
        // The response contains no byte of the picture.
        let url = format!("{}{link}", edge.url);
        let known = edge.client.get(&url).header("if-none-match", "*");
        assert_eq!(known.send().await.unwrap().status(), 304);
        edge.replace(image, png_of(64, 43, seed)).await;
        both(&edge, &format!("{link}?size=30x30"), &[]).await;
    }
}

/// An edge that the origin notifies of changes, and a picture. The notifications pass through a
/// gate, so that the story can see when they were sent.
async fn notified_edge() -> (Edge, Gate, Value) {
    let port = free_port();
    let messages = Gate::open_before(&format!("http://127.0.0.1:{port}")).await;
    let edges = format!("http://{}", messages.address);
    let settings = [("PHOTOLOG_EDGE_SECRET", SECRET), ("PHOTOLOG_EDGES", &edges)];
    let edge = Edge::before(TestApp::with(settings).await, port).await;
    let image = edge.app.uploaded(png_of(64, 43, 0)).await;
    // By now the origin has checked whether the edge is up.
    messages.take_seen();
    (edge, messages, image)
}

async fn wait_until_notified(messages: &Gate) {
    let began = Instant::now();
    while messages.take_seen() != ["/edge/changed"] {
        assert!(began.elapsed() < BOUND, "the edge was not notified");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn an_edge_that_is_notified_shows_a_replaced_picture_at_once() {
    let (edge, messages, image) = notified_edge().await;
    let (image, link) = names(&image);
    for seed in 1..6 {
        let old = etag(&edge, &link).await;
        edge.replace(image, png_of(64, 43, seed)).await;
        wait_until_notified(&messages).await;
        // Without the message it would be the old one, because the second has hardly begun.
        assert_ne!(etag(&edge, &link).await, old);
        both(&edge, &link, &[]).await;
    }
}

/// Long before the end of the second for which the edge would use its pointer.
#[tokio::test]
async fn an_edge_that_is_notified_shows_no_picture_of_a_closed_account() {
    let (edge, messages, image) = notified_edge().await;
    let (_, link) = names(&image);
    for (command, status) in [("close", 404), ("reopen", 200), ("close", 404)] {
        // The edge uses this pointer for a second.
        edge.get(&link).await;
        let command = ["account", command, &edge.app.account];
        assert!(edge.app.command(&command).status.success());
        wait_until_notified(&messages).await;
        assert_eq!(edge.get(&link).await.status(), status, "{command:?}");
    }
}

#[tokio::test]
async fn only_the_origin_may_tell_the_edge() {
    let edge = Edge::start().await;
    let link = format!("/images/{}", edge.link(png_of(64, 43, 0)).await);
    etag(&edge, &link).await;
    edge.gate.take_seen();
    let url = format!("{}/edge/changed", edge.url);
    let links = json!([link.trim_start_matches("/images/")]);
    // The secret itself is what edges send to the origin, not the other way round.
    for token in ["", "nonsense", SECRET] {
        let refused = edge
            .client
            .post(&url)
            .bearer_auth(token)
            .json(&links)
            .send()
            .await;
        assert_eq!(refused.unwrap().status(), StatusCode::UNAUTHORIZED);
    }
    let bare = edge.client.post(&url).json(&links).send().await.unwrap();
    assert_eq!(bare.status(), StatusCode::UNAUTHORIZED);
    let read = edge.client.get(&url).send().await.unwrap();
    assert_eq!(read.status(), StatusCode::METHOD_NOT_ALLOWED);
}
