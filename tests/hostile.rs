//! Bad input gets a clear error and changes nothing.

use futures::future::join_all;
use photolog_tests::raw::{Raw, authorization};
use photolog_tests::{TestApp, pictures};
use reqwest::multipart::{Form, Part};
use reqwest::{Method, StatusCode};
use serde_json::Value;

#[tokio::test]
async fn an_incomplete_picture_is_refused_and_leaves_nothing() {
    let app = TestApp::spawn().await;
    let jpeg = pictures::jpeg_of(64, 64, 1);
    let png = pictures::png_of(64, 64, 1);
    let webp = pictures::webp(1);
    for (name, bytes) in [
        ("empty", vec![]),
        ("text", b"hello".to_vec()),
        (
            "markup",
            b"<svg xmlns='http://www.w3.org/2000/svg'/>".to_vec(),
        ),
        ("truncated JPEG", jpeg[..jpeg.len() / 2].to_vec()),
        ("truncated PNG", png[..png.len() / 2].to_vec()),
        ("truncated WebP", webp[..webp.len() / 2].to_vec()),
        ("bomb", pictures::png_bomb(30_000, 30_000)),
        ("too many pixels", pictures::png_bomb(16_000, 16_000)),
    ] {
        let refused = app.upload(bytes).await;
        assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY, "{name}");
        assert_eq!(refused.headers()["content-type"], "application/json");
        assert!(
            refused.json::<Value>().await.unwrap()["image"].is_string(),
            "{name}"
        );
    }
    assert!(app.list().await.is_empty());
}

#[tokio::test]
async fn a_form_that_is_not_as_it_should_be_is_refused() {
    let app = TestApp::spawn().await;
    let image = || Part::bytes(pictures::png(1)).file_name("p");
    let send = |form| app.request(Method::POST, "/images").multipart(form).send();
    for (form, status) in [
        (Form::new().text("metadata", "{}"), 422),
        (
            Form::new().part("image", image()).part("image", image()),
            422,
        ),
        (
            Form::new().part("image", image()).text("metadata", "{"),
            400,
        ),
        (
            Form::new()
                .part("image", image())
                .text("metadata", r#"{"altText": 7}"#),
            400,
        ),
        (
            Form::new()
                .part("image", image())
                .text("metadata", r#"{"altText": "\ud800"}"#),
            400,
        ),
        (
            Form::new()
                .part("image", image())
                .part("metadata", Part::bytes(vec![0xff, 0xfe])),
            400,
        ),
    ] {
        assert_eq!(send(form).await.unwrap().status().as_u16(), status);
    }
    let json = app
        .request(Method::POST, "/images")
        .json(&serde_json::json!({}))
        .send()
        .await;
    assert_eq!(json.unwrap().status(), StatusCode::BAD_REQUEST);
    let head = format!(
        "POST /accounts/{}/images HTTP/1.1\r\nHost: x\r\n{}Content-Type: multipart/form-data; \
         boundary=right\r\nContent-Length: 12\r\n\r\n--wrong\r\nabc",
        app.account,
        authorization(&app)
    );
    let mut connection = Raw::connect(&app).await;
    connection.send(head).await;
    assert!(connection.answer().await.starts_with("HTTP/1.1 400"));
    assert!(app.list().await.is_empty());
}

#[tokio::test]
async fn metadata_that_is_no_metadata_changes_nothing() {
    let app = TestApp::spawn().await;
    let image = app.uploaded(pictures::png(1)).await;
    let path = format!("/images/{}", image["imageID"].as_str().unwrap());
    for (body, status) in [
        (b"".to_vec(), 400),
        (b"{".to_vec(), 400),
        (b"[]".to_vec(), 400),
        (b"{\"altText\": 1}".to_vec(), 400),
        (b"{\"altText\": \"a\", \"altText\": \"b\"}".to_vec(), 400),
        (b"{\"altText\": \"\\ud800\"}".to_vec(), 400),
        (b"{\"altText\": \"\xff\"}".to_vec(), 400),
        (b"{\"altText\": \"\\u0000\"}".to_vec(), 422),
        (
            format!("{{\"altText\": \"{}\"}}", "ü".repeat(126)).into_bytes(),
            422,
        ),
        (vec![b' '; 1 << 20], 413),
    ] {
        let request = app.request(Method::PUT, &format!("{path}/metadata"));
        let refused = request.body(body.clone()).send().await.unwrap();
        assert_eq!(
            refused.status().as_u16(),
            status,
            "{}",
            String::from_utf8_lossy(&body)
        );
    }
    let fits = "ü".repeat(125);
    assert_eq!(
        app.set_alt_text(image["imageID"].as_str().unwrap(), &fits)
            .await
            .status(),
        200
    );
    let page: Value = app
        .get(&format!("{path}/history"))
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(page["events"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn identifiers_that_name_nothing_are_not_found() {
    let app = TestApp::spawn().await;
    for id in [
        "x",
        "..%2f..%2fetc%2fpasswd",
        "%00",
        "00000000-0000-4000-8000-000000000000",
    ] {
        assert_eq!(
            app.get(&format!("/images/{id}")).await.status(),
            404,
            "{id}"
        );
        let other = format!("{}/accounts/{id}/images", app.url);
        let request = app
            .client
            .get(other)
            .basic_auth(&app.key.0, Some(&app.key.1));
        assert_eq!(request.send().await.unwrap().status(), 404, "{id}");
        let public = app
            .client
            .get(format!("{}/images/{id}", app.url))
            .send()
            .await
            .unwrap();
        assert_eq!(public.status(), 404, "{id}");
    }
    let refused = app
        .client
        .patch(format!("{}/accounts/x/images", app.url))
        .send()
        .await
        .unwrap();
    assert_eq!(refused.status(), 405);
    assert_eq!(refused.headers()["allow"], "GET, HEAD, POST");
}

#[tokio::test]
async fn an_upload_over_the_limit_is_refused_while_it_still_sends() {
    let app = TestApp::spawn().await;
    let head = format!(
        "POST /accounts/{}/images HTTP/1.1\r\nHost: x\r\n{}Content-Type: multipart/form-data; \
         boundary=b\r\nContent-Length: 40000000\r\n\r\n",
        app.account,
        authorization(&app)
    );
    let attempts = (0..5).map(|_| async {
        let mut connection = Raw::connect(&app).await;
        assert!(connection.send(&head).await);
        for _ in 0..40 {
            assert!(
                connection.send(vec![b'x'; 1_000_000]).await,
                "the connection was cut"
            );
        }
        connection.answer().await
    });
    for answer in join_all(attempts).await {
        assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    }
    let mut form = Form::new().part("image", Part::bytes(vec![0; 16 * 1024 * 1024 + 1]));
    form = form.text("metadata", "{}");
    let refused = app
        .request(Method::POST, "/images")
        .multipart(form)
        .send()
        .await
        .unwrap();
    assert_eq!(refused.status(), StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn slow_and_strange_connections_are_ended_and_the_rest_served() {
    let app = TestApp::with([
        ("PHOTOLOG_BODY_TIMEOUT_SECONDS", "1"),
        ("PHOTOLOG_HEADER_TIMEOUT_SECONDS", "1"),
    ])
    .await;
    let image = app.uploaded(pictures::png(1)).await;
    let put = format!(
        "PUT /accounts/{}/images/{}/metadata HTTP/1.1\r\nHost: x\r\n{}Content-Length: 20\r\n\r\n{{",
        app.account,
        image["imageID"].as_str().unwrap(),
        authorization(&app)
    );
    let many_headers: String = (0..300).map(|n| format!("X{n}: y\r\n")).collect();
    for (sent, wanted) in [
        (put, "HTTP/1.1 408"),
        ("GET /healthz HTTP/1.1\r\nHost: x\r\n".to_owned(), ""),
        (format!("GET /healthz HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "y".repeat(100_000)), "HTTP/1.1 431"),
        (format!("GET /healthz HTTP/1.1\r\nHost: x\r\n{many_headers}\r\n"), "HTTP/1.1 431"),
        ("nonsense\r\n\r\n".to_owned(), "HTTP/1.1 400"),
        ("POST /oauth2/token HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n12".to_owned(), "HTTP/1.1 400"),
    ] {
        let mut connection = Raw::connect(&app).await;
        connection.send(&sent).await;
        let answer = connection.answer().await;
        assert!(answer.starts_with(wanted), "{sent:.80}: {answer}");
        assert_eq!(answer.is_empty(), wanted.is_empty());
    }
    let mut half = Raw::connect(&app).await;
    half.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await;
    half.finish_sending().await;
    assert!(half.answer().await.starts_with("HTTP/1.1 200"));
    assert_eq!(app.list().await, [image]);
}
