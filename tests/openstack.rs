//! OpenStack image metadata: each operation as its clients see it.

use photolog_tests::{TestApp, pictures};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

const NOBODYS: &str = "00000000-0000-4000-8000-000000000000";

/// A server with one image.
struct Story {
    app: TestApp,
    image: String,
}

impl Story {
    async fn begin() -> Self {
        let app = TestApp::spawn().await;
        let image = uploaded(&app, 1).await;
        Self { app, image }
    }

    /// A request below `/v2.1/images`, with the demo account's key as a fixed token.
    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let (key, secret) = &self.app.key;
        let url = format!("{}/v2.1/images{path}", self.app.url);
        let request = self.app.client.request(method, url);
        request.header("x-auth-token", format!("{key}:{secret}"))
    }

    async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.unwrap()
    }

    /// A request at the image's metadata, with a JSON body.
    async fn send(&self, method: Method, key: &str, body: Value) -> Response {
        let request = self.request(method, &format!("/{}/metadata{key}", self.image));
        request.json(&body).send().await.unwrap()
    }

    async fn metadata(&self) -> Value {
        let answer = self.get(&format!("/{}/metadata", self.image)).await;
        document(answer, StatusCode::OK).await["metadata"].take()
    }
}

async fn uploaded(app: &TestApp, seed: u32) -> String {
    let image = app.uploaded(pictures::png(seed)).await;
    image["imageID"].as_str().unwrap().to_owned()
}

async fn document(answer: Response, status: StatusCode) -> Value {
    assert_eq!(answer.status(), status);
    assert_eq!(answer.headers()["content-type"], "application/json");
    assert!(answer.headers().contains_key("x-compute-request-id"));
    answer.json().await.unwrap()
}

/// A fault: one member, by the fault's name, with the status and a message.
async fn assert_fault(answer: Response, status: StatusCode, name: &str, message: &str) {
    let body = document(answer, status).await;
    let fault = json!({ name: { "code": status.as_u16(), "message": message } });
    assert_eq!(body, fault);
}

/// Asserts the refusal of a body; the message is the JSON parser's.
async fn assert_bad_request(answer: Response) {
    let body = document(answer, StatusCode::BAD_REQUEST).await;
    assert_eq!(body.as_object().unwrap().len(), 1);
    assert_eq!(body["badRequest"]["code"], 400);
    assert!(body["badRequest"]["message"].is_string());
}

#[tokio::test]
async fn metadata_is_merged_replaced_and_cleared() {
    let story = Story::begin().await;
    assert_eq!(story.metadata().await, json!({}));
    for (method, version, sent, wanted) in [
        (
            Method::POST,
            "\"2\"",
            json!({"a": "1", "b c": "2"}),
            json!({"a": "1", "b c": "2"}),
        ),
        (
            Method::POST,
            "\"3\"",
            json!({"a": "grün 🟢"}),
            json!({"a": "grün 🟢", "b c": "2"}),
        ),
        (Method::PUT, "\"5\"", json!({"a": "1"}), json!({"a": "1"})),
        (Method::PUT, "\"6\"", json!({}), json!({})),
    ] {
        let answer = story.send(method, "", json!({ "metadata": sent })).await;
        assert_eq!(answer.headers()["etag"], version);
        let all = json!({ "metadata": wanted });
        assert_eq!(document(answer, StatusCode::OK).await, all);
        assert_eq!(story.metadata().await, wanted);
    }
}

#[tokio::test]
async fn one_item_is_set_shown_and_deleted() {
    let story = Story::begin().await;
    let item = json!({ "meta": { "b c": "2" } });
    let set = story.send(Method::PUT, "/b%20c", item.clone()).await;
    assert_eq!(set.headers()["etag"], "\"2\"");
    assert_eq!(document(set, StatusCode::OK).await, item);
    let path = format!("/{}/metadata/b%20c", story.image);
    let shown = document(story.get(&path).await, StatusCode::OK).await;
    assert_eq!(shown, item);

    let mismatch = json!({ "meta": { "b": "1" } });
    let mismatch = story.send(Method::PUT, "/a", mismatch).await;
    const MISMATCH: &str = "Request body and URI mismatch";
    assert_fault(mismatch, StatusCode::BAD_REQUEST, "badRequest", MISMATCH).await;
    let posted = story.send(Method::POST, "/a", item).await;
    assert_eq!(posted.headers()["allow"], "DELETE, GET, HEAD, PUT");
    let posted = document(posted, StatusCode::METHOD_NOT_ALLOWED).await;
    assert_eq!(posted["badMethod"]["code"], 405);

    let delete = || story.request(Method::DELETE, &path).send();
    let deleted = delete().await.unwrap();
    assert_eq!(deleted.status(), StatusCode::NO_CONTENT);
    assert!(deleted.bytes().await.unwrap().is_empty());
    assert_eq!(story.metadata().await, json!({}));
    for missing in [delete().await.unwrap(), story.get(&path).await] {
        document(missing, StatusCode::NOT_FOUND).await;
    }
}

#[tokio::test]
async fn a_body_or_a_number_of_keys_outside_the_limits_is_refused() {
    let story = Story::begin().await;
    for body in [
        json!({}),
        json!({ "meta": { "a": "1" } }),
        json!({ "metadata": [] }),
        json!({ "metadata": { "a": 1 } }),
        json!({ "metadata": { "a": null } }),
        json!({ "metadata": { "a/b": "v" } }),
        json!({ "metadata": { "": "v" } }),
        json!({ "metadata": { "k".repeat(256): "v" } }),
        json!({ "metadata": { "k": "v".repeat(256) } }),
        json!({ "metadata": { "a": "1" }, "more": {} }),
    ] {
        for method in [Method::POST, Method::PUT] {
            assert_bad_request(story.send(method, "", body.clone()).await).await;
        }
    }
    assert_eq!(story.metadata().await, json!({}));
    let keys =
        |count: usize| -> Value { (0..count).map(|n| (format!("k{n}"), json!("v"))).collect() };
    let full = story.send(Method::PUT, "", json!({ "metadata": keys(128) }));
    assert_eq!(full.await.status(), StatusCode::OK);
    for (method, entries) in [
        (Method::POST, json!({"one more": "v"})),
        (Method::PUT, keys(129)),
    ] {
        let refused = story.send(method, "", json!({ "metadata": entries })).await;
        let refused = document(refused, StatusCode::FORBIDDEN).await;
        assert_eq!(refused["forbidden"]["code"], 403);
    }
    assert_eq!(story.metadata().await, keys(128));
}

#[tokio::test]
async fn an_image_that_is_not_there_is_not_found() {
    let story = Story::begin().await;
    let body = json!({ "metadata": {}, });
    for image in [NOBODYS, "no-uuid"] {
        for (method, path) in [
            (Method::GET, ""),
            (Method::GET, "/metadata"),
            (Method::POST, "/metadata"),
            (Method::PUT, "/metadata"),
            (Method::GET, "/metadata/k"),
            (Method::DELETE, "/metadata/k"),
        ] {
            let request = story.request(method, &format!("/{image}{path}"));
            let answer = request.json(&body).send().await.unwrap();
            let fault = document(answer, StatusCode::NOT_FOUND).await;
            assert_eq!(fault["itemNotFound"]["code"], 404);
        }
    }
}

#[tokio::test]
async fn images_are_listed_newest_first_and_shown_when_disabled() {
    let story = Story::begin().await;
    let newer = uploaded(&story.app, 2).await;
    story.app.set_alt_text(&newer, "a dog").await;
    let page = document(story.get("/detail?limit=1").await, StatusCode::OK).await;
    let image = &page["images"][0];
    assert_eq!(
        (&image["id"], &image["name"]),
        (&json!(newer), &json!("a dog"))
    );
    assert_eq!(image["status"], "ACTIVE");
    assert_eq!(image["metadata"], json!({ "altText": "a dog" }));
    let next = format!(
        "{}/v2.1/images/detail?limit=1&marker={newer}",
        story.app.url
    );
    assert_eq!(
        page["images_links"],
        json!([{ "rel": "next", "href": next }])
    );
    let rest = document(story.get(&format!("?marker={newer}")).await, StatusCode::OK).await;
    let href = format!("{}/v2.1/images/{}", story.app.url, story.image);
    let links = json!([{ "rel": "self", "href": href }]);
    let last = json!({ "id": story.image, "name": story.image, "links": links });
    assert_eq!(rest, json!({ "images": [last] }));
    let unknown = story.get(&format!("?marker={NOBODYS}")).await;
    let message = format!("marker [{NOBODYS}] not found");
    assert_fault(unknown, StatusCode::BAD_REQUEST, "badRequest", &message).await;

    let disable = story
        .app
        .request(Method::DELETE, &format!("/images/{newer}"));
    disable.send().await.unwrap();
    let shown = document(story.get(&format!("/{newer}")).await, StatusCode::OK).await;
    assert_eq!(shown["image"]["status"], "DELETED");
    let late = story.request(Method::POST, &format!("/{newer}/metadata"));
    let late = late.json(&json!({ "metadata": { "k": "v" } }));
    let late = late.send().await.unwrap();
    const DISABLED: &str = "image is disabled";
    assert_fault(late, StatusCode::CONFLICT, "conflictingRequest", DISABLED).await;
}

#[tokio::test]
async fn a_log_in_buys_a_token_and_names_the_way() {
    let story = Story::begin().await;
    let (app, (key, secret)) = (&story.app, &story.app.key);
    let log_in = |password: &str, project: &str| {
        let body = json!({ "auth": {
            "identity": { "methods": ["password"], "password": { "user": {
                "name": key, "domain": { "id": "default" }, "password": password,
            }}},
            "scope": { "project": { "id": project } },
        }});
        let url = format!("{}/v3/auth/tokens", app.url);
        app.client.post(url).json(&body).send()
    };
    let answer = log_in(secret, &app.account).await.unwrap();
    let token = answer.headers()["x-subject-token"].clone();
    let body = document(answer, StatusCode::CREATED).await;
    assert_eq!(body["token"]["project"]["id"], app.account.as_str());
    let compute = &body["token"]["catalog"][0];
    assert_eq!(compute["type"], "compute");
    let endpoint = compute["endpoints"][0]["url"].as_str().unwrap();
    assert_eq!(endpoint, format!("{}/v2.1", app.url));
    let with = |token: &reqwest::header::HeaderValue| {
        let url = format!("{endpoint}/images/{}/metadata", story.image);
        app.client.get(url).header("x-auth-token", token).send()
    };
    assert_eq!(with(&token).await.unwrap().status(), StatusCode::OK);

    let refused = [
        log_in("x", &app.account).await.unwrap(),
        log_in(secret, NOBODYS).await.unwrap(),
        with(&"x".parse().unwrap()).await.unwrap(),
    ];
    for answer in refused {
        let body = document(answer, StatusCode::UNAUTHORIZED).await;
        assert_eq!(body["error"]["code"], 401);
        assert_eq!(body["error"]["title"], "Unauthorized");
    }
    for (path, id) in [("/v2.1", "v2.1"), ("/v3", "v3.14")] {
        let answer = app.client.get(format!("{}{path}", app.url)).send().await;
        let version = document(answer.unwrap(), StatusCode::OK).await;
        assert_eq!(version["version"]["id"], id);
    }
}
