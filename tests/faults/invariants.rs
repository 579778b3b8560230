//! What must hold at the end of a round.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use photolog_tests::process::PATIENCE;
use photolog_tests::scaled::Scaled;
use reqwest::Method;
use serde_json::Value;

use super::load::{Answer, Load, Nodes, picture};
use crate::subscriber::Subscriber;

/// Checks everything and returns a summary of how much that was.
pub(super) async fn check(scaled: &Scaled, load: &Load) -> String {
    let nodes = Nodes::of(scaled);
    heal_open_uploads(&nodes, load).await;
    let log = whole_log(&nodes).await;
    every_answer_was_true(&log, load);
    messages_equal(scaled, &log).await;
    let verified = scaled.command(&["verify"]);
    let findings = String::from_utf8_lossy(&verified.stdout);
    assert!(verified.status.success(), "{findings}");
    format!("{} events, {}", log.len(), findings.trim())
}

/// Whatever an unanswered upload left, the same picture can be uploaded now, or already exists.
async fn heal_open_uploads(nodes: &Nodes, load: &Load) {
    let open = std::mem::take(&mut load.ledger.lock().unwrap().open_uploads);
    for seed in open {
        let request = nodes.request(seed, Method::POST, "/images");
        let answer = request.multipart(picture(seed)).send().await.unwrap();
        let status = answer.status();
        assert!(status == 201 || status == 409, "{status}");
        let image: Value = answer.json().await.unwrap();
        let image = image["imageID"].as_str().unwrap().to_owned();
        let mut ledger = load.ledger.lock().unwrap();
        ledger.texts.entry(image).or_default();
    }
}

/// Every event of the account, from its feed. Waits until all writes so far are sequenced.
async fn whole_log(nodes: &Nodes) -> Vec<Value> {
    let mut events: Vec<Value> = Vec::new();
    let mut cursor = "0".to_owned();
    loop {
        let path = format!("/events?limit=1000&cursor={cursor}");
        let answer = nodes.request(0, Method::GET, &path).send().await.unwrap();
        let page: Value = answer.json().await.unwrap();
        events.extend(page["events"].as_array().unwrap().iter().cloned());
        match page["next"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => return events,
        }
    }
}

/// Acknowledged writes are in the log once, in their order; others are there once or never.
fn every_answer_was_true(log: &[Value], load: &Load) {
    let mut written: HashMap<&str, Vec<&str>> = HashMap::new();
    for event in log {
        let data = &event["data"];
        let texts = written.entry(data["image"].as_str().unwrap()).or_default();
        texts.extend(data["event"]["entries"]["altText"].as_str());
        if data["event"]["type"] == "Uploaded" {
            assert_eq!(data["sequence"], 1);
        }
    }
    let ledger = load.ledger.lock().unwrap();
    for (image, sent) in &ledger.texts {
        let found = written.remove(image.as_str());
        let mut found = found
            .expect("an acknowledged upload")
            .into_iter()
            .peekable();
        for (text, answer) in sent {
            let is_there = found.next_if(|found| found == text).is_some();
            assert!(
                is_there || *answer == Answer::Unknown,
                "{text:?} of {image} was acknowledged and is lost"
            );
        }
        assert_eq!(found.next(), None, "{image} was written twice");
    }
    assert!(written.is_empty(), "nobody uploaded {written:?}");
}

/// The stream holds the same events as the log, once each and in the same order.
async fn messages_equal(scaled: &Scaled, log: &[Value]) {
    let began = Instant::now();
    loop {
        let mut subscriber = Subscriber::connect(&scaled.nats_url()).await;
        let held = subscriber.all().await;
        if held.len() >= log.len() {
            assert!(held == log, "the stream is not what the log is");
            return;
        }
        assert!(
            began.elapsed() < PATIENCE,
            "{} of {} events are in the stream",
            held.len(),
            log.len()
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
