//! Moov images: each operation as its clients see it.

use photolog_tests::{TestApp, pictures};
use reqwest::multipart::{Form, Part};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

fn id(image: &Value) -> &str {
    image["imageID"].as_str().unwrap()
}

#[tokio::test]
async fn an_upload_is_listed_shown_and_public() {
    let app = TestApp::spawn().await;
    let form = Form::new()
        .part("image", Part::bytes(pictures::png(1)).file_name("x.bin"))
        .text("metadata", r#"{"altText": "eine Katze 🐈"}"#);
    let answer = app
        .request(Method::POST, "/images/")
        .multipart(form)
        .header("x-request-id", "my-request")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::CREATED);
    assert_eq!(answer.headers()["content-type"], "application/json");
    assert_eq!(answer.headers()["x-request-id"], "my-request");
    let image: Value = answer.json().await.unwrap();
    assert_eq!(image["altText"], "eine Katze 🐈");
    assert!(image.get("disabledOn").is_none());
    let link = format!("{}/images/{}", app.url, image["publicID"].as_str().unwrap());
    assert_eq!(image["link"], link.as_str());

    assert_eq!(app.list().await, std::slice::from_ref(&image));
    let shown: Value = app
        .get(&format!("/images/{}", id(&image)))
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(shown, image);
    let public = app.client.get(link).send().await.unwrap();
    assert_eq!(public.status(), StatusCode::OK);
    assert_eq!(public.headers()["content-type"], "image/png");
}

#[tokio::test]
async fn the_list_is_paged_newest_first() {
    let app = TestApp::spawn().await;
    let mut uploaded = Vec::new();
    for seed in 0..25 {
        uploaded.insert(0, app.uploaded(pictures::png(seed)).await);
    }
    let page = async |query: &str| {
        let answer = app.get(&format!("/images{query}")).await;
        answer.json::<Vec<Value>>().await.unwrap()
    };
    assert_eq!(page("").await, uploaded[..20]);
    assert_eq!(page("?skip=20").await, uploaded[20..]);
    assert_eq!(page("?skip=3&count=2").await, uploaded[3..5]);
    assert!(page("?count=0").await.is_empty());
    assert!(page("?skip=1000").await.is_empty());
    for query in ["?skip=-1", "?count=-1", "?count=many"] {
        let refused = app.get(&format!("/images{query}")).await;
        assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
        assert!(refused.json::<Value>().await.unwrap()["error"].is_string());
    }
}

#[tokio::test]
async fn the_same_bytes_are_refused_with_the_image_that_holds_them() {
    let app = TestApp::spawn().await;
    let image = app.uploaded(pictures::png(1)).await;
    let refused = app.upload(pictures::png(1)).await;
    assert_eq!(refused.status(), StatusCode::CONFLICT);
    let mut body: Value = refused.json().await.unwrap();
    assert!(body["error"].is_string());
    body.as_object_mut().unwrap().remove("error");
    assert_eq!(body, image);
    assert_eq!(app.list().await.len(), 1);

    let disabled = app.request(Method::DELETE, &format!("/images/{}", id(&image)));
    assert_eq!(
        disabled.send().await.unwrap().status(),
        StatusCode::NO_CONTENT
    );
    app.uploaded(pictures::png(1)).await;
}

async fn replace(
    app: &TestApp,
    image: &str,
    picture: Vec<u8>,
    metadata: Option<&str>,
) -> reqwest::Response {
    let form = Form::new().part("image", Part::bytes(picture).file_name("p"));
    let form = match metadata {
        Some(text) => form.text("metadata", text.to_owned()),
        None => form,
    };
    let request = app.request(Method::PUT, &format!("/images/{image}"));
    request.multipart(form).send().await.unwrap()
}

#[tokio::test]
async fn a_replacement_keeps_sets_or_clears_the_alternative_text() {
    let app = TestApp::spawn().await;
    let image = app.uploaded(pictures::png(1)).await;
    app.set_alt_text(id(&image), "first").await;
    for (seed, metadata, wanted) in [
        (2, None, json!("first")),
        (3, Some(r#"{"altText":"second"}"#), json!("second")),
        (4, Some("{}"), Value::Null),
    ] {
        let answer = replace(&app, id(&image), pictures::png(seed), metadata).await;
        assert_eq!(answer.status(), StatusCode::OK);
        let body: Value = answer.json().await.unwrap();
        assert_eq!(body["altText"], wanted);
        assert_eq!(body["publicID"], image["publicID"]);
    }
    let other = app.uploaded(pictures::png(9)).await;
    let refused = replace(&app, id(&other), pictures::png(4), None).await;
    assert_eq!(refused.status(), StatusCode::CONFLICT);
    let body: Value = refused.json().await.unwrap();
    assert_eq!(body.as_object().unwrap().len(), 1);
}

#[tokio::test]
async fn a_disabled_image_stays_public_and_takes_no_more_writes() {
    let app = TestApp::spawn().await;
    let image = app.uploaded(pictures::png(1)).await;
    let delete = || {
        app.request(Method::DELETE, &format!("/images/{}", id(&image)))
            .send()
    };
    assert_eq!(delete().await.unwrap().status(), StatusCode::NO_CONTENT);
    let first = app.list().await;
    assert!(first[0]["disabledOn"].is_string());
    assert_eq!(delete().await.unwrap().status(), StatusCode::NO_CONTENT);
    assert_eq!(app.list().await, first);
    let public = app
        .public(image["publicID"].as_str().unwrap(), "", None)
        .await;
    assert_eq!(public.status(), StatusCode::OK);
    assert_eq!(
        app.set_alt_text(id(&image), "late").await.status(),
        StatusCode::CONFLICT
    );
    let late = replace(&app, id(&image), pictures::png(2), None).await;
    assert_eq!(late.status(), StatusCode::CONFLICT);
}

#[tokio::test]
async fn the_account_limit_counts_enabled_images_only() {
    let app = TestApp::with([("PHOTOLOG_IMAGES_PER_ACCOUNT", "2")]).await;
    let first = app.uploaded(pictures::png(1)).await;
    app.uploaded(pictures::png(2)).await;
    let refused = app.upload(pictures::png(3)).await;
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.json::<Value>().await.unwrap()["image"].is_string());
    let delete = app.request(Method::DELETE, &format!("/images/{}", id(&first)));
    delete.send().await.unwrap();
    app.uploaded(pictures::png(3)).await;
}

#[tokio::test]
async fn a_version_header_is_checked_for_its_form_only() {
    let app = TestApp::spawn().await;
    for (version, status) in [("v2024.01.00", 200), ("v2099.12.31", 200), ("latest", 404)] {
        let answer = app
            .request(Method::GET, "/images")
            .header("x-moov-version", version);
        assert_eq!(
            answer.send().await.unwrap().status().as_u16(),
            status,
            "{version}"
        );
    }
}
