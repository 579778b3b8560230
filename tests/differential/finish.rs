//! What must agree at the end of a history: the model, every dialect's lists and single reads, the
//! history's events and their fold, the account's feed and its fold, and JetStream.

use std::collections::HashMap;

use photolog_tests::nats::Nats;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::answer::uploadcare_metadata;
use super::dialects::Tenants;
use super::model::{Image, Model};
use super::step::{Asker, Entries, Prefix};
use crate::subscriber::Subscriber;

pub(crate) async fn everything_agrees(tenants: &Tenants<'_>, model: &Model, nats: &Nats) {
    for image in &model.images {
        history_agrees(tenants, image).await;
        single_reads_agree(tenants, image).await;
    }
    lists_agree(tenants, model).await;
    let feed = feed_agrees(tenants, model).await;
    if !feed.is_empty() {
        let mut subscriber = Subscriber::of_account(&nats.url(), tenants.account()).await;
        let messages = subscriber.take(feed.len()).await;
        assert!(messages == feed, "JetStream has {messages:?}");
    }
}

async fn json_of(request: RequestBuilder) -> Value {
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    answer.json().await.unwrap()
}

async fn history_agrees(tenants: &Tenants<'_>, image: &Image) {
    let path = format!("/{}/history?limit=1000", image.id);
    let page = json_of(tenants.moov(Asker::Owner, Method::GET, &path)).await;
    let events = page["events"].as_array().unwrap();
    let happened: Vec<_> = events
        .iter()
        .map(|event| {
            let member = |name: &str| event[name].as_str().unwrap();
            (member("type"), member("dialect"))
        })
        .collect();
    assert_eq!(happened, image.events);

    let mut folded = Entries::new();
    for event in events {
        for (key, value) in event["after"]["metadata"].as_object().into_iter().flatten() {
            match value.as_str() {
                Some(value) => folded.insert(key.clone(), value.to_owned()),
                None => folded.remove(key),
            };
        }
    }
    assert_eq!(
        folded, image.metadata,
        "a fold of the history of {}",
        image.id
    );
}

async fn single_reads_agree(tenants: &Tenants<'_>, image: &Image) {
    let path = format!("/{}", image.id);
    let moov = json_of(tenants.moov(Asker::Owner, Method::GET, &path)).await;
    assert_eq!(as_moov(&moov), expected_of_moov(image));
    let file = json_of(tenants.uploadcare(Asker::Owner, Method::GET, &path)).await;
    assert_eq!(file["metadata"], uploadcare_metadata(&image.metadata));
    let details = tenants.openstack(Asker::Owner, Prefix::V21, Method::GET, &path);
    assert_eq!(
        json_of(details).await["image"]["metadata"],
        json!(image.metadata)
    );
}

/// Every event of the account in the order of the log, and their fold.
async fn feed_agrees(tenants: &Tenants<'_>, model: &Model) -> Vec<Value> {
    let mut feed: Vec<Value> = Vec::new();
    let mut next = Some("0".to_owned());
    while let Some(cursor) = next {
        let page = json_of(tenants.feed(&cursor)).await;
        feed.extend(page["events"].as_array().unwrap().iter().cloned());
        next = page["next"].as_str().map(str::to_owned);
    }
    let mut folded: HashMap<&str, (Vec<_>, Entries)> = HashMap::new();
    for event in &feed {
        let (data, event) = (&event["data"], &event["data"]["event"]);
        let member = |of: &'_ Value, name: &str| of[name].as_str().unwrap().to_owned();
        let (happened, metadata) = folded.entry(data["image"].as_str().unwrap()).or_default();
        happened.push((member(event, "type"), member(data, "dialect")));
        assert_eq!(data["sequence"], happened.len());
        for (key, value) in event["entries"].as_object().into_iter().flatten() {
            metadata.insert(key.clone(), value.as_str().unwrap().to_owned());
        }
        if let Some(key) = event["key"].as_str() {
            metadata.remove(key);
        }
    }
    assert_eq!(folded.len(), model.images.len());
    for image in &model.images {
        let events = image.events.iter();
        let expected = events.map(|(kind, dialect)| (kind.to_string(), dialect.to_string()));
        let expected = (expected.collect(), image.metadata.clone());
        assert_eq!(folded[&*image.id], expected);
    }
    feed
}

async fn lists_agree(tenants: &Tenants<'_>, model: &Model) {
    let images = json_of(tenants.moov(Asker::Owner, Method::GET, "?count=1000")).await;
    let images: Vec<_> = images.as_array().unwrap().iter().map(as_moov).collect();
    let expected: Vec<_> = model.images.iter().rev().map(expected_of_moov).collect();
    assert_eq!(images, expected);

    for removed in [false, true] {
        let path = format!("/?limit=1000&removed={removed}");
        let files = json_of(tenants.uploadcare(Asker::Owner, Method::GET, &path)).await;
        let wanted: Vec<_> = model
            .images
            .iter()
            .filter(|image| image.is_disabled == removed)
            .collect();
        assert_eq!(files["total"], wanted.len());
        let listed: Vec<_> = files["results"]
            .as_array()
            .unwrap()
            .iter()
            .map(|file| json!([file["uuid"], file["metadata"]]))
            .collect();
        let expected: Vec<_> = wanted
            .iter()
            .map(|image| json!([image.id, uploadcare_metadata(&image.metadata)]))
            .collect();
        assert_eq!(listed, expected);
    }

    let details = tenants.openstack(Asker::Owner, Prefix::V2Tenant, Method::GET, "/detail");
    let details = json_of(details).await;
    let listed: Vec<_> = details["images"]
        .as_array()
        .unwrap()
        .iter()
        .map(|image| json!([image["id"], image["metadata"]]))
        .collect();
    let expected: Vec<_> = model
        .images
        .iter()
        .rev()
        .filter(|image| !image.is_disabled)
        .map(|image| json!([image.id, image.metadata]))
        .collect();
    assert_eq!(listed, expected);
}

fn as_moov(image: &Value) -> Value {
    json!([
        image["imageID"],
        image["altText"],
        image["disabledOn"].is_string()
    ])
}

fn expected_of_moov(image: &Image) -> Value {
    json!([image.id, image.alt_text(), image.is_disabled])
}
