//! Uploadcare file metadata: each operation as its clients see it.

use photolog_tests::{TestApp, pictures};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

const MEDIA_TYPE: &str = "application/vnd.uploadcare-v0.7+json";
const NOBODYS: &str = "00000000-0000-4000-8000-000000000000";

/// A server with one file.
struct Story {
    app: TestApp,
    file: String,
    public_id: String,
}

impl Story {
    async fn begin() -> Self {
        let app = TestApp::spawn().await;
        let (file, public_id) = uploaded(&app, 1).await;
        Self {
            app,
            file,
            public_id,
        }
    }

    /// A request below `/files/`, with the demo account's key in the clear.
    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let (key, secret) = &self.app.key;
        let url = format!("{}/files/{path}", self.app.url);
        let request = self.app.client.request(method, url);
        request
            .header("accept", MEDIA_TYPE)
            .header("authorization", format!("Uploadcare.Simple {key}:{secret}"))
    }

    async fn send(&self, method: Method, path: &str) -> Response {
        self.request(method, path).send().await.unwrap()
    }

    async fn put(&self, key: &str, body: impl Into<reqwest::Body>) -> Response {
        let request = self.request(Method::PUT, &format!("{}/metadata/{key}/", self.file));
        let request = request.header("content-type", "application/json");
        request.body(body).send().await.unwrap()
    }

    async fn metadata(&self) -> Value {
        let path = format!("{}/metadata/", self.file);
        document(self.send(Method::GET, &path).await, StatusCode::OK).await
    }
}

async fn uploaded(app: &TestApp, seed: u32) -> (String, String) {
    let image = app.uploaded(pictures::png(seed)).await;
    let member = |name: &str| image[name].as_str().unwrap().to_owned();
    (member("imageID"), member("publicID"))
}

/// The response's document, in the one media type without a charset: a client compares it as a
/// whole.
async fn document(answer: Response, status: StatusCode) -> Value {
    assert_eq!(answer.status(), status);
    assert_eq!(answer.headers()["content-type"], MEDIA_TYPE);
    assert_eq!(answer.headers()["access-control-allow-origin"], "*");
    assert!(answer.headers().contains_key("x-uploadcare-request-id"));
    answer.json().await.unwrap()
}

async fn assert_refused(answer: Response, status: StatusCode, detail: &str) {
    let body = document(answer, status).await;
    assert_eq!(body, json!({ "detail": detail }));
}

#[tokio::test]
async fn a_value_is_set_shown_listed_and_deleted() {
    let story = Story::begin().await;
    assert_eq!(story.metadata().await, json!({}));
    for (version, value) in [("\"2\"", "blue"), ("\"3\"", "grün 🟢"), ("\"4\"", "")] {
        let answer = story.put("colour", json!(value).to_string()).await;
        assert_eq!(answer.headers()["etag"], version);
        assert_eq!(document(answer, StatusCode::OK).await, json!(value));
        let path = format!("{}/metadata/colour/", story.file);
        let shown = story.send(Method::GET, &path).await;
        assert_eq!(shown.headers()["etag"], version);
        assert_eq!(document(shown, StatusCode::OK).await, json!(value));
        assert_eq!(story.metadata().await, json!({ "colour": value }));
    }
    // Setting the same value is not a change.
    let again = story.put("colour", "\"\"").await;
    assert_eq!(again.headers()["etag"], "\"4\"");

    let path = format!("{}/metadata/colour/", story.file);
    let delete = || story.send(Method::DELETE, &path);
    let deleted = delete().await;
    assert_eq!(deleted.status(), StatusCode::NO_CONTENT);
    assert!(deleted.bytes().await.unwrap().is_empty());
    assert_eq!(story.metadata().await, json!({}));
    assert_refused(delete().await, StatusCode::NOT_FOUND, "Not found.").await;
}

#[tokio::test]
async fn a_key_or_a_value_outside_the_limits_is_refused() {
    let story = Story::begin().await;
    const KEYS: &str =
        "A metadata key must have 1 to 64 characters out of A-Z, a-z, 0-9, '_', '-', '.' and ':'.";
    for key in ["two%20words", &"k".repeat(65)] {
        assert_refused(story.put(key, "\"v\"").await, StatusCode::BAD_REQUEST, KEYS).await;
    }
    for body in ["", "{", "7", "null", "[\"v\"]", r#""\ud800""#, "\"v\" 1"] {
        let refused = document(story.put("k", body).await, StatusCode::BAD_REQUEST).await;
        assert!(refused["detail"].is_string(), "{body}: {refused}");
    }
    let long = |characters| json!("🟢".repeat(characters)).to_string();
    let refused = document(story.put("k", long(513)).await, StatusCode::BAD_REQUEST).await;
    assert!(refused["detail"].as_str().unwrap().contains("512"));
    assert_eq!(story.metadata().await, json!({}));

    assert_eq!(story.put("k", long(512)).await.status(), StatusCode::OK);
    for number in 1..50 {
        let answer = story.put(&format!("k{number}"), "\"v\"").await;
        assert_eq!(answer.status(), StatusCode::OK);
    }
    let one_more = story.put("one-more", "\"v\"").await;
    let refused = document(one_more, StatusCode::BAD_REQUEST).await;
    assert!(refused["detail"].as_str().unwrap().contains("50"));
    assert_eq!(story.put("k7", "\"w\"").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_file_that_is_not_there_is_not_found() {
    let story = Story::begin().await;
    let (account, (key, secret)) = story.app.open_account();
    let form = reqwest::multipart::Part::bytes(pictures::png(2)).file_name("p");
    let foreign = story
        .app
        .client
        .post(format!("{}/accounts/{account}/images", story.app.url))
        .basic_auth(key, Some(secret))
        .multipart(reqwest::multipart::Form::new().part("image", form));
    let foreign: Value = foreign.send().await.unwrap().json().await.unwrap();
    for file in [NOBODYS, "no-uuid", foreign["imageID"].as_str().unwrap()] {
        for (method, path) in [
            (Method::GET, ""),
            (Method::DELETE, "storage/"),
            (Method::GET, "metadata/"),
            (Method::GET, "metadata/k/"),
            (Method::PUT, "metadata/k/"),
            (Method::DELETE, "metadata/k/"),
        ] {
            let request = story.request(method, &format!("{file}/{path}"));
            let answer = request.json("v").send().await.unwrap();
            assert_refused(answer, StatusCode::NOT_FOUND, "Not found.").await;
        }
    }
}

#[tokio::test]
async fn a_file_is_shown_and_removed_but_stays_readable() {
    let story = Story::begin().await;
    let path = format!("{}/", story.file);
    let shown = story.send(Method::GET, &path).await;
    assert_eq!(shown.headers()["etag"], "\"1\"");
    assert_eq!(shown.headers()["allow"], "GET, HEAD, OPTIONS");
    let mut file = document(shown, StatusCode::OK).await;
    assert_eq!(file["uuid"], story.file.as_str());
    assert_eq!(file["mime_type"], "image/png");
    assert_eq!(file["size"], pictures::png(1).len());
    let image = &file["content_info"]["image"];
    assert_eq!((&image["width"], &image["height"]), (&json!(8), &json!(6)));
    let link = format!("{}/images/{}", story.app.url, story.public_id);
    assert_eq!(file["original_file_url"], link.as_str());
    assert_eq!(file["datetime_removed"], Value::Null);

    story.put("k", "\"v\"").await;
    file["metadata"] = json!({ "k": "v" });
    let remove = story.send(Method::DELETE, &format!("{path}storage/")).await;
    let removed = document(remove, StatusCode::OK).await;
    assert!(removed["datetime_removed"].is_string());
    file["datetime_removed"] = removed["datetime_removed"].clone();
    assert_eq!(removed, file);
    assert_eq!(story.metadata().await, json!({ "k": "v" }));
    let late = story.put("k", "\"w\"").await;
    assert_refused(late, StatusCode::CONFLICT, "image is disabled").await;
}

#[tokio::test]
async fn the_list_is_followed_by_its_links() {
    let story = Story::begin().await;
    let mut files = vec![story.file.clone()];
    for seed in 2..=5 {
        files.push(uploaded(&story.app, seed).await.0);
    }
    let mut seen = Vec::new();
    let mut path = "?limit=2".to_owned();
    loop {
        let page = story.send(Method::GET, &path).await;
        let page = document(page, StatusCode::OK).await;
        assert_eq!((&page["total"], &page["per_page"]), (&json!(5), &json!(2)));
        let results = page["results"].as_array().unwrap();
        let ids = results.iter().map(|file| file["uuid"].as_str().unwrap());
        seen.extend(ids.map(str::to_owned));
        let Some(next) = page["next"].as_str() else {
            break;
        };
        let below = next.strip_prefix(&format!("{}/files/", story.app.url));
        path = below.expect("a link to the same server").to_owned();
    }
    assert_eq!(seen, files);
    for query in ["?limit=0", "?ordering=size", "?removed=perhaps", "?from=x"] {
        let refused = story.send(Method::GET, query).await;
        document(refused, StatusCode::BAD_REQUEST).await;
    }
}

#[tokio::test]
async fn a_request_without_credentials_or_another_version_is_refused() {
    let story = Story::begin().await;
    let url = format!("{}/files/{}/metadata/", story.app.url, story.file);
    let get = || story.app.client.get(&url).header("accept", MEDIA_TYPE);
    let (key, secret) = &story.app.key;
    const MISSING: &str = "Authentication credentials were not provided.";
    const WRONG: &str = "Incorrect authentication credentials.";
    let anonymous = get().send().await.unwrap();
    assert_refused(anonymous, StatusCode::UNAUTHORIZED, MISSING).await;
    for credentials in [
        format!("Uploadcare.Simple {key}:x"),
        format!("Uploadcare.Simple plk_aaaaaaaaaaaaaaaa:{secret}"),
    ] {
        let wrong = get().header("authorization", credentials);
        let wrong = wrong.send().await.unwrap();
        assert_refused(wrong, StatusCode::UNAUTHORIZED, WRONG).await;
    }
    let newer = story.app.client.get(&url).header("accept", "text/html");
    let newer = newer.header("authorization", format!("Uploadcare.Simple {key}:{secret}"));
    const UNACCEPTABLE: &str = "Could not satisfy the request Accept header.";
    let newer = newer.send().await.unwrap();
    assert_refused(newer, StatusCode::NOT_ACCEPTABLE, UNACCEPTABLE).await;
    let path = format!("{}/metadata/", story.file);
    let posted = story.send(Method::POST, &path).await;
    assert_eq!(posted.headers()["allow"], "GET, HEAD, OPTIONS");
    document(posted, StatusCode::METHOD_NOT_ALLOWED).await;
}
