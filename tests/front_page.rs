//! The page that a person sees first, and its links.

use photolog_tests::TestApp;
use reqwest::StatusCode;
use reqwest::header::{ACCEPT, CONTENT_SECURITY_POLICY, CONTENT_TYPE, VARY};

#[tokio::test]
async fn a_browser_gets_a_page_and_every_other_client_the_versions() {
    let app = TestApp::spawn().await;
    let ask = async |accept: Option<&str>| {
        let request = app.client.get(format!("{}/", app.url));
        let request = match accept {
            Some(accept) => request.header(ACCEPT, accept),
            None => request,
        };
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()[VARY], "Accept");
        let media_type = answer.headers()[CONTENT_TYPE].to_str().unwrap().to_owned();
        let policy = answer.headers().get(CONTENT_SECURITY_POLICY).cloned();
        (media_type, policy, answer.text().await.unwrap())
    };
    for accept in [None, Some("*/*"), Some("application/json"), Some("text/*")] {
        let (media_type, _, versions) = ask(accept).await;
        assert_eq!(media_type, "application/json", "{accept:?}");
        assert!(versions.contains("v2.1"), "{versions}");
    }
    let chromium = "text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8";
    let (media_type, policy, page) = ask(Some(chromium)).await;
    assert!(media_type.starts_with("text/html"));
    assert!(
        policy
            .unwrap()
            .to_str()
            .unwrap()
            .starts_with("default-src 'none'")
    );
    for wanted in ["href=\"docs\"", "src=\"sample.jpg\"", &app.url] {
        assert!(page.contains(wanted), "{wanted}");
    }
    let docs = app
        .client
        .get(format!("{}/docs", app.url))
        .send()
        .await
        .unwrap();
    assert_eq!(docs.status(), StatusCode::OK);
}

#[tokio::test]
async fn the_sample_is_taken_as_a_picture() {
    let app = TestApp::spawn().await;
    let sample = app
        .client
        .get(format!("{}/sample.jpg", app.url))
        .send()
        .await
        .unwrap();
    assert_eq!(sample.headers()[CONTENT_TYPE], "image/jpeg");
    let sample = sample.bytes().await.unwrap();
    assert!(sample.len() < 60_000, "{}", sample.len());
    let image = app.uploaded(sample.to_vec()).await;
    let public_id = image["publicID"].as_str().unwrap();
    assert_eq!(
        app.public(public_id, "?size=960x640", None).await.status(),
        StatusCode::OK
    );
}
