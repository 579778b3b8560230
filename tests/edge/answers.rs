//! The edge's responses beside pictures, which must match the origin's, and the requests that it
//! does not forward.

use std::time::Instant;

use futures::future::join_all;
use photolog_tests::edge::{Edge, SECRET};
use photolog_tests::pictures::{jpeg_of, png_of};
use reqwest::Method;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::alike::{Question, both};

#[tokio::test]
async fn refusals_are_the_origins_and_a_bad_size_is_refused_without_asking_it() {
    let edge = Edge::start().await;
    let link = format!("/images/{}", edge.link(png_of(64, 43, 1)).await);
    edge.gate.take_seen();
    for size in [
        "",
        "400",
        "-1x1",
        "400x400x400",
        "100000x1",
        "4x4%20",
        "4X4",
    ] {
        let answer = both(&edge, &format!("{link}?size={size}"), &[]).await;
        assert_eq!(answer.status, 400, "{size}");
        let body: Value = serde_json::from_slice(&answer.body).unwrap();
        assert!(body["error"].is_string(), "{body}");
    }
    for method in [Method::POST, Method::DELETE, Method::OPTIONS] {
        let (method, path, headers) = (&method, link.as_str(), &[][..]);
        let question = Question {
            method,
            path,
            headers,
        };
        assert_eq!(question.ask_both(&edge).await.status, 405);
    }
    assert_eq!(edge.gate.take_seen(), [""; 0]);
    for link in ["/images/nobody", "/images/abcdefghij_-ABCDEFGH1"] {
        let answer = both(&edge, link, &[]).await;
        assert_eq!(answer.status, 404);
        assert!(!answer.body.is_empty());
    }
    assert_eq!(
        both(&edge, &link, &[("accept", "text/html")]).await.status,
        406
    );
}

#[tokio::test]
async fn an_unknown_link_is_one_question_a_second() {
    let edge = Edge::start().await;
    let began = Instant::now();
    for _ in 0..3 {
        let unknown = (0..50).map(|_| edge.get("/images/abcdefghij_-ABCDEFGH1"));
        let answers = join_all(unknown).await;
        assert!(answers.iter().all(|answer| answer.status() == 404));
    }
    let seconds = usize::try_from(began.elapsed().as_secs()).unwrap() + 1;
    let seen = edge.gate.take_seen();
    assert!((1..=seconds).contains(&seen.len()), "{seen:?}");
    // A link that the origin never creates is not requested from it.
    for link in ["nobody", "abcdefghij_-ABCDEFGH12", "abcdefghij.-ABCDEFGH1"] {
        assert_eq!(edge.get(&format!("/images/{link}")).await.status(), 404);
    }
    assert_eq!(edge.gate.take_seen(), [""; 0]);
}

#[tokio::test]
async fn head_tells_the_length_and_other_parameters_change_nothing() {
    let edge = Edge::start().await;
    let link = format!("/images/{}", edge.link(png_of(64, 43, 1)).await);
    let (method, path, headers) = (&Method::HEAD, link.as_str(), &[][..]);
    let head = Question {
        method,
        path,
        headers,
    }
    .ask_both(&edge)
    .await;
    let got = both(&edge, &link, &[]).await;
    assert_eq!(head.headers["content-length"], got.body.len().to_string());
    let plain = both(&edge, &format!("{link}?size=50x50"), &[]).await;
    edge.gate.take_seen();
    let query = "?utm_source=mail&size=50x50&size=60x60&v=2&b";
    let same = both(&edge, &format!("{link}{query}"), &[]).await;
    assert_eq!(same, plain);
    assert!(
        !edge
            .gate
            .take_seen()
            .iter()
            .any(|path| path.contains("utm_source"))
    );
}

#[tokio::test]
async fn a_known_etag_is_answered_without_bytes() {
    let edge = Edge::start().await;
    let link = format!("/images/{}", edge.link(png_of(64, 43, 1)).await);
    // This size has not been rendered yet, and does not have to be.
    let path = format!("{link}?size=51x51");
    let etag = edge
        .app
        .client
        .get(format!("{}{path}", edge.app.url))
        .send()
        .await
        .unwrap();
    let etag = etag.headers()["etag"].to_str().unwrap().to_owned();
    for known in [
        etag.clone(),
        format!("W/{etag}"),
        format!("\"x\", {etag}"),
        "*".to_owned(),
    ] {
        let answer = both(&edge, &path, &[("if-none-match", &known)]).await;
        assert_eq!((answer.status, answer.body.len()), (304, 0), "{known}");
    }
    assert!(
        !edge
            .gate
            .take_seen()
            .iter()
            .any(|path| path.starts_with("/edge/masters/"))
    );
    let other = both(&edge, &path, &[("if-none-match", "\"other\"")]).await;
    assert_eq!(other.status, 200);
}

#[tokio::test]
async fn an_answer_is_safe_to_embed_and_to_cache() {
    let edge = Edge::start().await;
    let public_id = edge.link(png_of(64, 43, 1)).await;
    let answer = both(&edge, &format!("/images/{public_id}"), &[]).await;
    let disposition = format!("inline; filename=\"{public_id}.png\"");
    for (name, value) in [
        ("access-control-allow-origin", "*"),
        (
            "cache-control",
            "public, max-age=60, stale-while-revalidate=300",
        ),
        ("content-disposition", &disposition),
        ("content-security-policy", "default-src 'none'; sandbox"),
        ("content-type", "image/png"),
        ("cross-origin-resource-policy", "cross-origin"),
        ("vary", "Accept"),
        ("x-content-type-options", "nosniff"),
    ] {
        assert_eq!(answer.headers[name], value, "{name}");
    }
}

#[tokio::test]
async fn equal_requests_at_one_time_are_one_piece_of_work() {
    let edge = Edge::start().await;
    let link = format!(
        "/images/{}?size=77x77",
        edge.link(png_of(640, 427, 1)).await
    );
    let answers = join_all((0..20).map(|_| edge.get(&link))).await;
    assert!(answers.iter().all(|answer| answer.status() == 200));
    let seen = edge.gate.take_seen();
    let asked = |start| seen.iter().filter(|path| path.starts_with(start)).count();
    assert_eq!((asked("/edge/pointers/"), asked("/edge/masters/")), (1, 1));
}

#[tokio::test]
async fn the_origins_endpoints_for_edges_want_the_secret() {
    let edge = Edge::start().await;
    let public_id = edge.link(png_of(64, 43, 1)).await;
    let url = format!("{}/edge/pointers/{public_id}", edge.app.url);
    let ask = |secret: &'static str| edge.client.get(&url).bearer_auth(secret);
    let bare = edge.client.get(&url).send().await.unwrap();
    assert_eq!(bare.status(), 401);
    assert_eq!(ask("nonsense").send().await.unwrap().status(), 401);
    let pointer = ask(SECRET).send().await.unwrap();
    assert_eq!(pointer.status(), 200);
    let etag = pointer.headers()["etag"].to_str().unwrap().to_owned();
    let body: Value = pointer.json().await.unwrap();
    assert_eq!(etag, format!("\"{}\"", body["digest"].as_str().unwrap()));
    let again = ask(SECRET).header("if-none-match", etag).send().await;
    assert_eq!(again.unwrap().status(), 304);
    let unknown = format!("{}/edge/masters/{}", edge.app.url, "0".repeat(64));
    let unknown = edge.client.get(unknown).bearer_auth(SECRET).send().await;
    assert_eq!(unknown.unwrap().status(), 404);
}

/// A JPEG whose EXIF block (APP1) contains its location: 48° 51' N.
fn jpeg_with_place() -> Vec<u8> {
    let degrees = [(48u32, 1u32), (51, 1), (0, 1)];
    let mut tiff = b"MM\0\x2a\0\0\0\x08".to_vec();
    // One entry that points to the GPS directory, which has two.
    tiff.extend(b"\0\x01\x88\x25\0\x04\0\0\0\x01\0\0\0\x1a\0\0\0\0");
    tiff.extend(b"\0\x02\0\x01\0\x02\0\0\0\x02N\0\0\0");
    tiff.extend(b"\0\x02\0\x05\0\0\0\x03\0\0\0\x38\0\0\0\0");
    for (numerator, denominator) in degrees {
        tiff.extend(numerator.to_be_bytes());
        tiff.extend(denominator.to_be_bytes());
    }
    let mut segment = vec![0xff, 0xe1];
    segment.extend(u16::try_from(2 + 6 + tiff.len()).unwrap().to_be_bytes());
    segment.extend(b"Exif\0\0");
    segment.extend(tiff);
    let mut jpeg = jpeg_of(64, 43, 1);
    jpeg.splice(2..2, segment);
    jpeg
}

#[tokio::test]
async fn an_edge_gets_masters_and_no_uploads() {
    let edge = Edge::start().await;
    let upload = jpeg_with_place();
    let digest = Sha256::digest(&upload);
    let upload_digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let public_id = edge.link(upload).await;
    let ask = |path: String| {
        let url = format!("{}{path}", edge.app.url);
        edge.client.get(url).bearer_auth(SECRET).send()
    };
    let pointer = ask(format!("/edge/pointers/{public_id}")).await.unwrap();
    let pointer: Value = pointer.json().await.unwrap();
    let digest = pointer["digest"].as_str().unwrap();
    assert_ne!(digest, upload_digest);
    let master = ask(format!("/edge/masters/{digest}")).await.unwrap();
    assert_eq!(master.status(), 200);
    let master = master.bytes().await.unwrap();
    assert!(!master.windows(4).any(|bytes| bytes == b"Exif"));
    let refused = ask(format!("/edge/masters/{upload_digest}")).await.unwrap();
    assert_eq!(refused.status(), 404);
}
