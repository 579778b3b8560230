//! A compromised origin: its pointers name arbitrary bytes, by their true digest.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::Response;
use hyper::header::ETAG;
use image::ImageFormat;
use photolog_tests::edge::Edge;
use photolog_tests::gate::Verdict;
use photolog_tests::pictures::{encoded, jpeg_of, pixels, png_bomb, png_of};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::alike::both;
use super::memory::noise;

/// A render takes milliseconds; anything longer is a hang.
const NO_HANG: Duration = Duration::from_secs(15);

/// A master that the origin names.
pub(crate) struct Master {
    bytes: Bytes,
    pub(crate) digest: String,
    media_type: &'static str,
    side: u32,
}

impl Master {
    pub(crate) fn new(bytes: Vec<u8>, media_type: &'static str, side: u32) -> Self {
        let digest = Sha256::digest(&bytes);
        Self {
            digest: digest.iter().map(|byte| format!("{byte:02x}")).collect(),
            bytes: bytes.into(),
            media_type,
            side,
        }
    }

    /// The origin's response to a request for a pointer or a master.
    pub(crate) fn answer(&self, path: &str) -> Verdict {
        let body = if path.starts_with("/edge/pointers/") {
            let pointer = json!({
                "digest": self.digest, "mediaType": self.media_type,
                "width": self.side, "height": self.side, "hasAlpha": false,
            });
            pointer.to_string().into()
        } else {
            self.bytes.clone()
        };
        Verdict::Answer(Response::new(Full::new(body)))
    }
}

/// Lies that must not reach a browser, and lies whose header is a picture's, which a browser cannot
/// take for anything else.
fn lies() -> [(&'static str, bool, Master); 13] {
    let png = png_of(100, 100, 1);
    let jpeg = jpeg_of(100, 100, 1);
    let webp = encoded(pixels(100, 100, 1), ImageFormat::WebP);
    let half = |bytes: &[u8]| bytes[..bytes.len() / 2].to_vec();
    let damaged = |bytes: &[u8]| {
        let noise = (0..50_000u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8);
        half(bytes).into_iter().chain(noise).collect()
    };
    let page = b"<html><script>alert(1)</script>".to_vec();
    let drawing = b"<svg xmlns='http://www.w3.org/2000/svg'/>".to_vec();
    let (a_png, a_jpeg, a_webp) = ("image/png", "image/jpeg", "image/webp");
    let of = Master::new;
    [
        ("nothing", false, of(vec![], a_png, 100)),
        ("a page", false, of(page, a_png, 100)),
        ("a drawing", false, of(drawing, a_webp, 100)),
        ("another format", false, of(png.clone(), a_jpeg, 100)),
        ("another size", false, of(png.clone(), a_png, 101)),
        (
            "a bomb beyond all limits",
            false,
            of(png_bomb(60_000, 60_000), a_png, 2_048),
        ),
        ("a bomb", true, of(png_bomb(2_048, 2_048), a_png, 2_048)),
        ("half a PNG", true, of(half(&png), a_png, 100)),
        ("half a JPEG", true, of(half(&jpeg), a_jpeg, 100)),
        ("half a WebP", true, of(half(&webp), a_webp, 100)),
        ("a damaged PNG", true, of(damaged(&png), a_png, 100)),
        ("a damaged JPEG", true, of(damaged(&jpeg), a_jpeg, 100)),
        ("a damaged WebP", true, of(damaged(&webp), a_webp, 100)),
    ]
}

#[tokio::test]
async fn hostile_bytes_are_refused_in_time_and_spoil_nothing() {
    let edge = Edge::start().await;
    for (seed, (name, is_picture, master)) in (100..).zip(lies()) {
        let media_type = master.media_type;
        edge.gate.judge(move |path| master.answer(path));
        // Its own size and format, for which the master would be shown as it is, and others.
        for size in ["0x0", "50x50", "99x99"] {
            for accept in [media_type, "image/jpeg", "image/webp"] {
                let url = format!("{}/images/abcdefghij_-ABCDEF{seed}?size={size}", edge.url);
                let asked = Instant::now();
                let answer = edge.client.get(url).header("accept", accept).send().await;
                let answer = answer.unwrap();
                assert!(asked.elapsed() < NO_HANG, "{name} {size} {accept}");
                if answer.status() == 200 {
                    assert!(is_picture, "{name} {size} {accept}");
                    assert_eq!(answer.headers()["content-type"], accept, "{name}");
                } else {
                    assert_eq!(answer.status(), 503, "{name} {size} {accept}");
                    assert_eq!(answer.headers()["cache-control"], "no-store");
                }
            }
        }
        edge.gate.open();
        let link = format!(
            "/images/{}?size=40x40",
            edge.link(png_of(64, 43, seed)).await
        );
        assert_eq!(both(&edge, &link, &[]).await.status, 200, "after {name}");
    }
}

#[tokio::test]
async fn a_trap_is_the_origins_work_and_leaves_a_fresh_module() {
    let edge = Edge::start().await;
    // Too large to fit beside what the trap left behind.
    let link = format!("/images/{}", edge.link(png_of(2_000, 1_500, 1)).await);
    let etag = edge.get(&link).await.headers()["etag"].clone();
    let version = etag
        .to_str()
        .unwrap()
        .rsplit('-')
        .next()
        .unwrap()
        .to_owned();
    // A valid picture of 17 MB followed by 15 MB of noise: together with its pixels and the resized
    // pixels, that exceeds the module's memory. According to its pointer, which declares no
    // transparency, it would fit.
    let mut bytes = encoded(noise(2_048, 2_048, 1), ImageFormat::Png);
    bytes.extend((0..15_000_000u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8));
    let master = Master::new(bytes, "image/png", 2_048);
    let etag = format!("\"{}-800x800-png-{version}", master.digest);
    let rendition = Bytes::from(png_of(800, 800, 3));
    let shown = rendition.clone();
    edge.gate.judge(move |path| {
        if path.starts_with("/images/") {
            let answer = Response::builder().header(ETAG, &etag);
            return Verdict::Answer(answer.body(Full::new(rendition.clone())).unwrap());
        }
        master.answer(path)
    });
    let answer = edge.get("/images/abcdefghij_-ABCDEFGH1?size=800x800").await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.bytes().await.unwrap(), shown);
    assert!(edge.log().contains("trap"), "{}", edge.log());
    edge.gate.open();
    edge.gate.take_seen();
    both(&edge, &format!("{link}?size=1900x1900"), &[]).await;
    let seen = edge.gate.take_seen();
    assert!(
        !seen.iter().any(|path| path.starts_with("/images/")),
        "{seen:?}"
    );
}
