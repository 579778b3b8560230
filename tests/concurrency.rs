//! Concurrent requests: one wins where only one can, all succeed where all can.

use futures::future::join_all;
use photolog_tests::{TestApp, pictures};
use reqwest::multipart::{Form, Part};
use reqwest::{Method, StatusCode};
use serde_json::Value;

#[tokio::test]
async fn of_64_uploads_of_the_same_bytes_one_is_taken() {
    let app = TestApp::spawn().await;
    let picture = pictures::png(1);
    let answers = join_all((0..64).map(|_| app.upload(picture.clone()))).await;
    let count = |status| {
        answers
            .iter()
            .filter(|answer| answer.status() == status)
            .count()
    };
    assert_eq!(count(StatusCode::CREATED), 1);
    assert_eq!(count(StatusCode::CONFLICT), 63);
    assert_eq!(app.list().await.len(), 1);
}

#[tokio::test]
async fn writes_that_commute_are_all_taken() {
    let app = TestApp::spawn().await;
    let image = app.uploaded(pictures::png(1)).await;
    let image = image["imageID"].as_str().unwrap();
    let texts: Vec<_> = (0..32).map(|number| format!("text {number}")).collect();
    let answers = join_all(texts.iter().map(|text| app.set_alt_text(image, text))).await;
    assert!(
        answers
            .iter()
            .all(|answer| answer.status() == StatusCode::OK)
    );
    let page: Value = app
        .get(&format!("/images/{image}/history"))
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(page["events"].as_array().unwrap().len(), 33);
}

#[tokio::test]
async fn if_match_lets_one_of_two_editors_win() {
    let app = TestApp::spawn().await;
    let image = app.uploaded(pictures::png(1)).await;
    let path = format!("/images/{}", image["imageID"].as_str().unwrap());
    let version = app.get(&path).await.headers()["etag"]
        .to_str()
        .unwrap()
        .to_owned();
    let edit = |text: &'static str| {
        app.request(Method::PUT, &format!("{path}/metadata"))
            .header("if-match", &version)
            .json(&serde_json::json!({ "altText": text }))
            .send()
    };
    let (one, other) = tokio::join!(edit("one"), edit("other"));
    let mut statuses = [
        one.unwrap().status().as_u16(),
        other.unwrap().status().as_u16(),
    ];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412]);
}

#[tokio::test]
async fn an_idempotency_key_makes_a_retried_upload_safe() {
    let app = TestApp::spawn().await;
    let upload = |seed| {
        let form = Form::new().part("image", Part::bytes(pictures::png(seed)).file_name("p"));
        app.request(Method::POST, "/images")
            .header("idempotency-key", "order-7")
            .multipart(form)
            .send()
    };
    let first: Value = upload(1).await.unwrap().json().await.unwrap();
    app.set_alt_text(first["imageID"].as_str().unwrap(), "later")
        .await;
    let again = upload(1).await.unwrap();
    assert_eq!(again.status(), StatusCode::CREATED);
    assert_eq!(
        again.json::<Value>().await.unwrap(),
        first,
        "the answer as it was"
    );
    assert_eq!(upload(2).await.unwrap().status(), StatusCode::CONFLICT);
    assert_eq!(app.list().await.len(), 1);
}
