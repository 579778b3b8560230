//! Public pictures: sizes, formats, caching, headers.

use image::GenericImageView;
use photolog_tests::{TestApp, pictures};
use reqwest::multipart::{Form, Part};
use reqwest::{Method, StatusCode};
use serde_json::Value;

const SDK: &str = "image/jpeg;q=1, image/png;q=0.7, image/webp;q=0";

async fn public_id(app: &TestApp, picture: Vec<u8>) -> String {
    app.uploaded(picture).await["publicID"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[tokio::test]
async fn a_picture_is_fitted_into_the_size_asked_for() {
    let app = TestApp::spawn().await;
    let picture = public_id(&app, pictures::png_of(3_000, 1_500, 1)).await;
    for (query, width, height) in [
        ("", 400, 200),
        ("?size=400x400", 400, 200),
        ("?size=100x0", 100, 50),
        ("?size=0x100", 200, 100),
        ("?size=0x0", 2_048, 1_024),
        ("?size=99999x99999", 2_048, 1_024),
        ("?size=1x1&unknown=1", 1, 1),
    ] {
        let answer = app.public(&picture, query, Some("image/png")).await;
        assert_eq!(answer.status(), StatusCode::OK, "{query}");
        let bytes = answer.bytes().await.unwrap();
        let size = image::load_from_memory(&bytes).unwrap().dimensions();
        assert_eq!(size, (width, height), "{query}");
    }
    for query in [
        "?size=",
        "?size=400",
        "?size=-1x1",
        "?size=1e3x1",
        "?size=100000x1",
    ] {
        let refused = app.public(&picture, query, None).await;
        assert_eq!(refused.status(), StatusCode::BAD_REQUEST, "{query}");
        assert!(refused.json::<Value>().await.unwrap()["error"].is_string());
    }
}

#[tokio::test]
async fn the_client_chooses_the_format() {
    let app = TestApp::spawn().await;
    let opaque = public_id(&app, pictures::png_of(64, 64, 1)).await;
    let transparent = public_id(&app, pictures::png_with_alpha(64, 64)).await;
    let photo = public_id(&app, pictures::jpeg_of(64, 64, 2)).await;
    for (picture, accept, wanted) in [
        (&opaque, None, "image/png"),
        (&opaque, Some(SDK), "image/jpeg"),
        (&opaque, Some("image/webp"), "image/webp"),
        (&transparent, Some(SDK), "image/png"),
        (&transparent, Some("image/jpeg"), "image/jpeg"),
        (&transparent, Some("image/webp,*/*;q=0.8"), "image/webp"),
        (&photo, None, "image/jpeg"),
        (&photo, Some("image/webp,*/*;q=0.8"), "image/jpeg"),
        (&photo, Some("image/png"), "image/png"),
    ] {
        let answer = app.public(picture, "", accept).await;
        assert_eq!(answer.headers()["content-type"], wanted, "{accept:?}");
        assert_eq!(answer.headers()["vary"], "Accept");
        let bytes = answer.bytes().await.unwrap();
        let guessed = image::guess_format(&bytes).unwrap();
        assert_eq!(
            guessed.to_mime_type(),
            wanted,
            "the bytes are what the header says"
        );
    }
    let refused = app.public(&photo, "", Some("text/html")).await;
    assert_eq!(refused.status(), StatusCode::NOT_ACCEPTABLE);
}

#[tokio::test]
async fn what_a_client_has_is_not_sent_again() {
    let app = TestApp::spawn().await;
    let picture = public_id(&app, pictures::png_of(64, 64, 1)).await;
    let first = app.public(&picture, "", None).await;
    let etag = first.headers()["etag"].to_str().unwrap().to_owned();
    let other = app.public(&picture, "?size=32x32", None).await;
    assert_ne!(other.headers()["etag"].to_str().unwrap(), etag);
    let url = format!("{}/images/{picture}", app.url);
    for (known, status) in [
        (etag.clone(), 304),
        (format!("W/{etag}"), 304),
        (format!("\"x\", {etag}"), 304),
        ("*".to_owned(), 304),
        ("\"x\"".to_owned(), 200),
    ] {
        let answer = app
            .client
            .get(&url)
            .header("if-none-match", &known)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status().as_u16(), status, "{known}");
        assert_eq!(answer.headers()["etag"].to_str().unwrap(), etag);
    }
}

#[tokio::test]
async fn a_public_answer_is_safe_to_embed() {
    let app = TestApp::spawn().await;
    let picture = public_id(&app, pictures::png_of(64, 64, 1)).await;
    let url = format!("{}/images/{picture}", app.url);
    let got = app.client.get(&url).send().await.unwrap();
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "default-src 'none'; sandbox"),
        ("cross-origin-resource-policy", "cross-origin"),
        ("access-control-allow-origin", "*"),
        (
            "cache-control",
            "public, max-age=60, stale-while-revalidate=300",
        ),
    ] {
        assert_eq!(got.headers()[name], value);
    }
    let disposition = got.headers()["content-disposition"]
        .to_str()
        .unwrap()
        .to_owned();
    assert_eq!(disposition, format!("inline; filename=\"{picture}.png\""));
    let length = got.headers()["content-length"].clone();
    let head = app.client.head(&url).send().await.unwrap();
    assert_eq!(head.status(), StatusCode::OK);
    assert_eq!(head.headers()["content-length"], length);
    assert!(head.bytes().await.unwrap().is_empty());
    let missing = app.public("abcdefghij_-ABCDEFGH1", "", None).await;
    assert_eq!(missing.status(), StatusCode::NOT_FOUND);
    assert!(missing.json::<Value>().await.unwrap()["error"].is_string());
}

#[tokio::test]
async fn a_replaced_picture_shows_at_once() {
    let app = TestApp::spawn().await;
    let image = app.uploaded(pictures::png_of(64, 64, 1)).await;
    let picture = image["publicID"].as_str().unwrap();
    let mut before = app.public(picture, "", None).await.headers()["etag"].clone();
    for seed in 2..12 {
        let part = Part::bytes(pictures::png_of(64, 64, seed)).file_name("p");
        let request = app.request(
            Method::PUT,
            &format!("/images/{}", image["imageID"].as_str().unwrap()),
        );
        let answer = request
            .multipart(Form::new().part("image", part))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        let after = app.public(picture, "", None).await.headers()["etag"].clone();
        assert_ne!(before, after);
        before = after;
    }
}

#[tokio::test]
async fn a_full_render_queue_turns_clients_away_for_a_moment() {
    let app = TestApp::with([("PHOTOLOG_RENDER_QUEUE", "0")]).await;
    let picture = public_id(&app, pictures::png_of(2_048, 2_048, 1)).await;
    // The first rendition is made in the background, so wait for it.
    assert_eq!(app.public(&picture, "", None).await.status(), 200);
    let queries: Vec<_> = (500..540)
        .map(|side| format!("?size={side}x{side}"))
        .collect();
    let asked = queries
        .iter()
        .map(|query| app.public(&picture, query, None));
    let answers = futures::future::join_all(asked).await;
    let away: Vec<_> = answers
        .iter()
        .filter(|answer| answer.status() == 503)
        .collect();
    assert!(!away.is_empty() && away.len() < answers.len());
    assert!(
        away.iter()
            .all(|answer| answer.headers().contains_key("retry-after"))
    );
}
