//! An origin that is down, slow or sends nonsense: what was served before is still served,
//! everything else is refused in time, and no faulty response is cached.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::Response;
use photolog_tests::edge::Edge;
use photolog_tests::gate::Verdict;
use photolog_tests::pictures::{jpeg_of, png_of};
use serde_json::json;
use tokio::time::sleep;

use super::alike::both;

/// Slightly longer than a pointer is fresh.
const POINTER_IS_OLD: Duration = Duration::from_millis(1_050);
/// The longest time until a refusal; the worker gives up sooner.
const NO_HANG: Duration = Duration::from_secs(15);

fn answer(status: u16, body: impl Into<Bytes>) -> Verdict {
    let response = Response::builder().status(status);
    Verdict::Answer(response.body(Full::new(body.into())).unwrap())
}

type Fault = fn(&str) -> Verdict;

/// What an origin may send instead of a pointer.
const FAULTS: [(&str, Fault); 8] = [
    ("is shut", |_| Verdict::HangUp),
    ("is silent", |_| Verdict::Silence),
    ("fails", |_| answer(500, "no")),
    ("is overloaded", |_| answer(503, "later")),
    ("forgot us", |_| answer(401, "who?")),
    ("redirects", |_| answer(302, "elsewhere")),
    ("says nothing", |_| answer(200, "")),
    ("talks nonsense", |_| {
        let pointer = json!({
            "digest": "../../etc/passwd", "mediaType": "text/html", "width": 1e9, "height": -1,
            "hasAlpha": "yes",
        });
        answer(200, pointer.to_string())
    }),
];

#[tokio::test]
async fn what_was_served_goes_on_being_served() {
    let edge = Edge::start().await;
    let seen = format!("/images/{}", edge.link(png_of(640, 427, 1)).await);
    let unseen = format!("/images/{}", edge.link(jpeg_of(64, 43, 2)).await);
    let path = format!("{seen}?size=90x90");
    let before = edge.get(&path).await.bytes().await.unwrap();
    for (size, (fault, verdict)) in (91..).zip(FAULTS) {
        edge.gate.judge(verdict);
        sleep(POINTER_IS_OLD).await;
        let asked = Instant::now();
        let stale = edge.get(&path).await;
        assert_eq!(stale.status(), 200, "an origin that {fault}");
        assert_eq!(
            stale.bytes().await.unwrap(),
            before,
            "an origin that {fault}"
        );
        // The master is cached as well, so a size that was never requested can be rendered.
        let other = edge.get(&format!("{seen}?size={size}x{size}")).await;
        assert_eq!(other.status(), 200, "an origin that {fault}");
        let unknown = edge.get(&unseen).await;
        assert!(asked.elapsed() < NO_HANG, "an origin that {fault}");
        assert_eq!(unknown.status(), 503, "an origin that {fault}");
        assert_eq!(unknown.headers()["cache-control"], "no-store");
        assert!(unknown.headers().contains_key("retry-after"));
        assert!(!unknown.bytes().await.unwrap().is_empty());
    }
    edge.gate.open();
    both(&edge, &unseen, &[]).await;
    both(&edge, &path, &[]).await;
}

#[tokio::test]
async fn a_link_that_was_missing_is_asked_for_again_after_a_second() {
    let edge = Edge::start().await;
    let link = format!("/images/{}", edge.link(png_of(64, 43, 1)).await);
    edge.gate.judge(|_| answer(404, "nobody knows"));
    assert_eq!(edge.get(&link).await.status(), 404);
    edge.gate.open();
    sleep(POINTER_IS_OLD).await;
    assert_eq!(both(&edge, &link, &[]).await.status, 200);
}

#[tokio::test]
async fn a_master_with_other_bytes_is_neither_shown_nor_kept() {
    let edge = Edge::start().await;
    // The picture's own size is the master itself; the other one would be rendered from it.
    for (seed, size) in [(1, "0x0"), (2, "80x80")] {
        let link = format!("/images/{}", edge.link(jpeg_of(300, 200, seed)).await);
        let path = format!("{link}?size={size}");
        edge.gate.judge(|path| {
            let is_bytes = path.starts_with("/edge/masters/") || path.starts_with("/images/");
            if is_bytes {
                Verdict::Spoil
            } else {
                Verdict::Pass
            }
        });
        assert_eq!(edge.get(&path).await.status(), 503, "{size}");
        edge.gate.open();
        assert_eq!(both(&edge, &path, &[]).await.status, 200, "{size}");
    }
}

#[tokio::test]
async fn without_a_master_the_origins_rendition_is_shown() {
    let edge = Edge::start().await;
    for (seed, (size, fault)) in (0..).zip([
        ("0x0", (|_| answer(404, "")) as Fault),
        ("80x80", |_| answer(500, "")),
        ("81x81", |_| Verdict::HangUp),
        ("82x82", |_| Verdict::Spoil),
        // A valid picture of the right size and format, but a different one.
        ("83x83", |_| answer(200, png_of(300, 200, 99))),
        ("300x200", |_| answer(200, png_of(300, 200, 99))),
    ]) {
        let link = format!("/images/{}", edge.link(png_of(300, 200, seed)).await);
        edge.gate.judge(move |path| {
            if path.starts_with("/edge/masters/") {
                fault(path)
            } else {
                Verdict::Pass
            }
        });
        let shown = both(&edge, &format!("{link}?size={size}"), &[]).await;
        assert_eq!(shown.status, 200, "{size}");
    }
}

#[tokio::test]
async fn absurd_headers_get_a_clear_answer() {
    let edge = Edge::start().await;
    let link = format!("/images/{}", edge.link(png_of(64, 43, 1)).await);
    let many_types = "text/html;q=0.1,".repeat(900) + "image/png";
    let many_etags = "\"x\",".repeat(3_000) + "\"y\"";
    let long_tag = format!("\"{}\"", "é".repeat(2_000));
    for (name, value, status) in [
        ("accept", many_types.as_str(), 200),
        ("accept", ";q=;;,,/,*/*;q=nan,image/png;q=0.5.5", 406),
        ("accept", "image/jpeg;q=999999999999999999999", 406),
        ("if-none-match", &many_etags, 200),
        ("if-none-match", &long_tag, 200),
        ("if-none-match", "W/", 200),
        ("range", "bytes=0-1,5-6,99999999999999999999-", 200),
        ("x-forwarded-host", "elsewhere.example", 200),
    ] {
        let answer = edge
            .client
            .get(format!("{}{link}", edge.url))
            .header(name, value);
        let answered = answer.send().await.unwrap().status().as_u16();
        let origin = edge
            .app
            .client
            .get(format!("{}{link}", edge.app.url))
            .header(name, value);
        let wanted = origin.send().await.unwrap().status().as_u16();
        assert_eq!((answered, wanted), (status, status), "{name}: {value:.40}");
    }
}
