//! Scaled out: two API nodes, two projectors, one PostgreSQL, one NATS server, each of which may
//! fail.

use std::time::{Duration, Instant};

use photolog_tests::pictures;
use photolog_tests::scaled::Scaled;
use reqwest::Method;
use reqwest::header::HeaderValue;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use crate::subscriber::Subscriber;

/// The promise covers many; the soak tries 10,000.
fn trials() -> u32 {
    let wanted = std::env::var("PHOTOLOG_TRIALS").ok();
    wanted.and_then(|text| text.parse().ok()).unwrap_or(200)
}

async fn upload(scaled: &Scaled, node: usize, seed: u32) -> Value {
    let form = Form::new().part(
        "image",
        Part::bytes(pictures::png(seed)).file_name("picture"),
    );
    let request = scaled
        .request(node, Method::POST, "/images")
        .multipart(form);
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 201);
    assert_eq!(answer.headers().get("x-photolog-visibility"), None);
    answer.json().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_on_any_node_shows_what_another_has_just_taken() {
    let scaled = Scaled::start().await;
    for trial in 0..trials() {
        let node = (trial % 2) as usize;
        let image = upload(&scaled, node, trial).await;
        let request = scaled.request(1 - node, Method::GET, "/images?count=1");
        let list: Value = request.send().await.unwrap().json().await.unwrap();
        assert_eq!(list[0]["imageID"], image["imageID"], "trial {trial}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_remembers_an_older_state_decides_by_the_present_one() {
    let scaled = Scaled::start().await;
    let image = upload(&scaled, 0, 0).await;
    let path = format!("/images/{}", image["imageID"].as_str().unwrap());
    let metadata = format!("{path}/metadata");
    let set = async |node, text: &str, version: Option<&HeaderValue>| {
        let request = scaled.request(node, Method::PUT, &metadata);
        let request = version.iter().fold(request, |request, version| {
            request.header("if-match", *version)
        });
        let request = request.json(&json!({ "altText": text }));
        request.send().await.unwrap().status()
    };
    assert_eq!(set(0, "first", None).await, 200);
    assert_eq!(set(1, "second", None).await, 200);
    // By the node's cached state, this would change nothing.
    assert_eq!(set(0, "first", None).await, 200);
    assert_eq!(set(1, "third", None).await, 200);
    // By the node's cached state, this version would be too new.
    let shown = scaled.request(1, Method::GET, &path).send().await.unwrap();
    let version = shown.headers()["etag"].clone();
    assert_eq!(set(0, "fourth", Some(&version)).await, 200);
    assert_eq!(set(1, "fifth", Some(&version)).await, 412);
    let disabled = scaled.request(1, Method::DELETE, &path).send().await;
    assert_eq!(disabled.unwrap().status(), 204);
    // By the node's cached state, this would be allowed.
    assert_ne!(set(0, "sixth", None).await, 200);

    let history = scaled.request(0, Method::GET, &format!("{path}/history"));
    let history: Value = history.send().await.unwrap().json().await.unwrap();
    let types = history["events"].as_array().unwrap().iter();
    let types: Vec<_> = types.map(|event| event["type"].as_str().unwrap()).collect();
    let set = "MetadataSet";
    assert_eq!(types, ["Uploaded", set, set, set, set, set, "Disabled"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_projector_takes_over_within_five_seconds() {
    let mut scaled = Scaled::start().await;
    upload(&scaled, 0, 0).await;
    let leads = |scaled: &Scaled| {
        let logs = scaled.projectors.iter().map(|projector| projector.log());
        logs.map(|log| log.contains("this process leads"))
            .collect::<Vec<_>>()
    };
    let leader = leads(&scaled).iter().position(|leads| *leads).unwrap();
    assert!(!leads(&scaled)[1 - leader]);
    scaled.projectors[leader].kill();
    let killed = Instant::now();
    // The request waits for less than the bound, so its response may come before the write is
    // visible.
    let form = Form::new().part("image", Part::bytes(pictures::png(1)).file_name("p"));
    let request = scaled.request(0, Method::POST, "/images").multipart(form);
    assert_eq!(request.send().await.unwrap().status(), 201);
    loop {
        let list = scaled.request(0, Method::GET, "/images").send().await;
        let list: Value = list.unwrap().json().await.unwrap();
        if list.as_array().unwrap().len() == 2 {
            break;
        }
        assert!(
            killed.elapsed() < Duration::from_secs(5),
            "nobody took over"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(leads(&scaled)[1 - leader]);
}

#[tokio::test(flavor = "multi_thread")]
async fn subscribers_get_every_event_once_and_in_order_across_an_outage() {
    let mut scaled = Scaled::start().await;
    let mut expected = Vec::new();
    let mut write = async |scaled: &Scaled, seed: u32| {
        let image = upload(scaled, 0, seed).await;
        let id = image["imageID"].as_str().unwrap().to_owned();
        let path = format!("/images/{id}/metadata");
        let request = scaled.request(1, Method::PUT, &path);
        let request = request.json(&json!({ "altText": "a cat" }));
        assert_eq!(request.send().await.unwrap().status(), 200);
        expected.push((id.clone(), 1, "Uploaded".to_owned()));
        expected.push((id, 2, "MetadataSet".to_owned()));
        expected.clone()
    };
    for seed in 0..5 {
        write(&scaled, seed).await;
    }
    let mut subscriber = Subscriber::connect(&scaled.nats_url()).await;
    let so_far = subscriber.take(10).await;
    // Writers do not notice that the messages cannot be delivered.
    scaled.nats[0].kill();
    for seed in 5..10 {
        write(&scaled, seed).await;
    }
    scaled.nats[0].start_again();
    let all = write(&scaled, 10).await;
    let mut subscriber = Subscriber::connect(&scaled.nats_url()).await;
    let received = subscriber.take(all.len()).await;
    assert_eq!(received[..10], so_far);
    let facts: Vec<_> = received
        .iter()
        .map(|event| {
            let data = &event["data"];
            let kind = event["type"].as_str().unwrap();
            (
                data["image"].as_str().unwrap().to_owned(),
                data["sequence"].as_u64().unwrap(),
                kind.strip_prefix("photolog.v1.").unwrap().to_owned(),
            )
        })
        .collect();
    assert_eq!(facts, all);
    subscriber.is_at_the_end().await;
}
