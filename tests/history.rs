//! The audit: before and after, pages, filters, exports, an image as of a past time.

use photolog_tests::{TestApp, pictures};
use reqwest::Method;
use serde_json::{Value, json};

struct Story {
    app: TestApp,
    image: String,
    times: Vec<String>,
}

/// Uploaded, text "one", text "two" (with a reason), cleared, disabled.
async fn story() -> Story {
    let app = TestApp::spawn().await;
    let image = app.uploaded(pictures::png(1)).await["imageID"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("/images/{image}");
    for (text, reason) in [
        (Some("one"), None),
        (Some("two"), Some("a typo")),
        (None, None),
    ] {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        let request = app.request(Method::PUT, &format!("{path}/metadata"));
        let request = request.json(&text.map_or(json!({}), |text| json!({ "altText": text })));
        let request = match reason {
            Some(reason) => request.header("x-photolog-reason", reason),
            None => request,
        };
        assert_eq!(request.send().await.unwrap().status(), 200);
    }
    app.request(Method::DELETE, &path).send().await.unwrap();
    let page: Value = app
        .get(&format!("{path}/history"))
        .await
        .json()
        .await
        .unwrap();
    let events = page["events"].as_array().unwrap();
    let times = events
        .iter()
        .map(|event| event["at"].as_str().unwrap().to_owned());
    let times = times.collect();
    Story { app, image, times }
}

impl Story {
    async fn ask(&self, query: &str) -> reqwest::Response {
        self.app
            .get(&format!("/images/{}/history{query}", self.image))
            .await
    }

    async fn events(&self, query: &str) -> Vec<Value> {
        let page: Value = self.ask(query).await.json().await.unwrap();
        page["events"].as_array().unwrap().clone()
    }
}

#[tokio::test]
async fn every_change_is_seen_with_its_author_and_what_stood_there() {
    let story = story().await;
    let events = story.events("").await;
    let types: Vec<_> = events
        .iter()
        .map(|event| event["type"].as_str().unwrap())
        .collect();
    let wanted = [
        "Uploaded",
        "MetadataSet",
        "MetadataSet",
        "MetadataKeyDeleted",
        "Disabled",
    ];
    assert_eq!(types, wanted);
    let typo = &events[2];
    assert_eq!(typo["before"], json!({"metadata": {"altText": "one"}}));
    assert_eq!(typo["after"], json!({"metadata": {"altText": "two"}}));
    assert_eq!(typo["reason"], "a typo");
    assert_eq!(typo["actor"], story.app.key.0.as_str());
    assert_eq!(typo["dialect"], "moov");
    assert_eq!(events[0]["before"], Value::Null);
    assert_eq!(events[3]["after"], json!({"metadata": {"altText": null}}));
    for (place, event) in events.iter().enumerate() {
        assert_eq!(event["sequence"], place + 1);
        for member in [
            "position",
            "requestID",
            "correlationID",
            "causationID",
            "eventID",
            "at",
        ] {
            assert!(!event[member].is_null(), "{member}");
        }
    }
}

#[tokio::test]
async fn pages_lead_to_all_events_once() {
    let story = story().await;
    let mut seen = Vec::new();
    let mut query = "?limit=2".to_owned();
    loop {
        let answer = story.ask(&query).await;
        let has_link = answer.headers().contains_key("link");
        let page: Value = answer.json().await.unwrap();
        seen.extend(page["events"].as_array().unwrap().clone());
        assert_eq!(has_link, page["next"].is_string());
        match page["next"].as_str() {
            Some(cursor) => query = format!("?limit=2&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(seen, story.events("").await);
}

#[tokio::test]
async fn events_are_filtered_by_type_and_time() {
    let story = story().await;
    assert_eq!(story.events("?type=MetadataSet").await.len(), 2);
    assert_eq!(story.events("?type=Uploaded,Disabled").await.len(), 2);
    assert_eq!(story.events("?type=Uploaded&type=Disabled").await.len(), 2);
    let from = format!("?from={}", story.times[2]);
    assert_eq!(story.events(&from).await.len(), 3);
    let to = format!("?to={}", story.times[2]);
    assert_eq!(story.events(&to).await.len(), 2);
    for query in [
        "?type=Nonsense",
        "?from=yesterday",
        "?limit=0",
        "?limit=x",
        "?cursor=-1",
        "?format=xml",
    ] {
        let refused = story.ask(query).await;
        assert_eq!(refused.status(), 400, "{query}");
        assert_eq!(
            refused.headers()["content-type"],
            "application/problem+json"
        );
        let problem: Value = refused.json().await.unwrap();
        assert_eq!(problem["status"], 400);
        assert!(problem["detail"].is_string());
    }
}

#[tokio::test]
async fn the_audit_is_exported_as_lines_and_as_a_table() {
    let story = story().await;
    let lines = story.ask("?format=ndjson").await;
    assert_eq!(lines.headers()["content-type"], "application/x-ndjson");
    let lines: Vec<Value> = lines
        .text()
        .await
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines, story.events("").await);
    let table = story.ask("?format=csv").await;
    assert_eq!(table.headers()["content-type"], "text/csv; charset=utf-8");
    let table = table.text().await.unwrap();
    assert_eq!(table.lines().count(), 6);
    assert!(table.starts_with("sequence,position,type,at,actor,"));
}

#[tokio::test]
async fn an_image_is_shown_as_it_was() {
    let story = story().await;
    let at = async |query: String| {
        story
            .app
            .get(&format!("/images/{}{query}", story.image))
            .await
    };
    for (version, text) in [
        (1, Value::Null),
        (2, json!("one")),
        (3, json!("two")),
        (4, Value::Null),
    ] {
        let then: Value = at(format!("?version={version}"))
            .await
            .json()
            .await
            .unwrap();
        assert_eq!(then["altText"], text, "{version}");
        let time = &story.times[version - 1];
        let then: Value = at(format!("?as_of={time}")).await.json().await.unwrap();
        assert_eq!(then["altText"], text, "{time}");
    }
    for (query, status) in [
        ("?version=0", 404),
        ("?version=6", 404),
        ("?version=x", 400),
        ("?as_of=2000-01-01T00:00:00Z", 404),
        ("?as_of=then", 400),
        ("?version=1&as_of=2000-01-01T00:00:00Z", 400),
    ] {
        assert_eq!(
            at(query.to_owned()).await.status().as_u16(),
            status,
            "{query}"
        );
    }
}
