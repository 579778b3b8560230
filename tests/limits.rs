//! Rate limits: one key's requests, and all requests at once.

use std::time::{Duration, Instant};

use photolog_tests::raw::{Raw, authorization};
use photolog_tests::{TestApp, pictures};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};

/// A read through each dialect, and where its failures contain their message.
fn dialects(app: &TestApp) -> [(RequestBuilder, &'static str); 4] {
    let (key, secret) = &app.key;
    let get = |path: &str| app.client.get(format!("{}{path}", app.url));
    let image = "00000000-0000-4000-8000-000000000000";
    [
        (app.request(Method::GET, "/images"), "/error"),
        (
            get("/files/").header("authorization", format!("Uploadcare.Simple {key}:{secret}")),
            "/detail",
        ),
        (
            get("/v2.1/images").header("x-auth-token", format!("{key}:{secret}")),
            "/overLimit/message",
        ),
        (
            app.request(Method::GET, &format!("/images/{image}/history")),
            "/detail",
        ),
    ]
}

fn header<'a>(answer: &'a Response, name: &str) -> &'a str {
    answer.headers()[name].to_str().unwrap()
}

#[tokio::test]
async fn a_key_over_its_rate_is_refused_in_the_words_of_each_dialect() {
    let app = TestApp::with([("PHOTOLOG_RATE_LIMIT", "5")]).await;
    let other = app.issue_key("images.read");
    for (request, member) in dialects(&app) {
        let refused = loop {
            let answer = request.try_clone().unwrap().send().await.unwrap();
            assert_eq!(header(&answer, "ratelimit-policy"), "\"key\";q=5;w=1");
            assert!(header(&answer, "ratelimit").starts_with("\"key\";r="));
            if answer.status() == 429 {
                break answer;
            }
        };
        assert_eq!(header(&refused, "retry-after"), "1");
        assert_eq!(header(&refused, "ratelimit"), "\"key\";r=0;t=1");
        let body: Value = refused.json().await.unwrap();
        assert!(body.pointer(member).is_some_and(Value::is_string), "{body}");
    }
    let list = format!("{}/accounts/{}/images", app.url, app.account);
    let unhindered = app.client.get(&list).basic_auth(&other.0, Some(&other.1));
    assert_eq!(unhindered.send().await.unwrap().status(), 200);
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    assert_eq!(app.get("/images").await.status(), 200);
}

#[tokio::test]
async fn requests_over_the_limit_in_flight_are_turned_away_at_once() {
    let app = TestApp::with([("PHOTOLOG_REQUESTS_IN_FLIGHT", "2")]).await;
    let image = app.uploaded(pictures::png(1)).await;
    let head = format!(
        "PUT /accounts/{}/images/{}/metadata HTTP/1.1\r\nHost: x\r\n{}Expect: 100-continue\r\n\
         Content-Length: 2\r\n\r\n",
        app.account,
        image["imageID"].as_str().unwrap(),
        authorization(&app)
    );
    let mut slow = [Raw::connect(&app).await, Raw::connect(&app).await];
    for connection in &mut slow {
        connection.send(&head).await;
        // The server sends it when the handler reads the body, so the request is in flight.
        let goes_on = connection.interim_answer().await;
        assert!(goes_on.starts_with("HTTP/1.1 100"), "{goes_on}");
    }
    for (request, member) in dialects(&app) {
        let began = Instant::now();
        let refused = request.send().await.unwrap();
        assert!(began.elapsed() < Duration::from_secs(1));
        assert_eq!(refused.status(), 503);
        assert_eq!(header(&refused, "retry-after"), "1");
        let body: Value = refused.json().await.unwrap();
        let member = member.replace("overLimit", "serviceUnavailable");
        assert!(
            body.pointer(&member).is_some_and(Value::is_string),
            "{body}"
        );
    }
    let health = app.client.get(format!("{}/healthz", app.url));
    assert_eq!(health.send().await.unwrap().status(), 200);

    for connection in &mut slow {
        connection.send("{}").await;
        assert!(connection.answer().await.starts_with("HTTP/1.1 200"));
    }
    let listed: Value = app.get("/images").await.json().await.unwrap();
    assert_eq!(listed, json!([image]));
}
