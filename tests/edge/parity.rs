//! Every kind of picture at every size for every kind of client: the same as at the origin, byte by
//! byte in PNG and JPEG, pixel by pixel in WebP.

use futures::StreamExt;
use photolog_tests::edge::Edge;
use reqwest::StatusCode;

use super::alike::both;
use super::corpus::{self, Sample};

const SIZES: [&str; 12] = [
    "",
    "?size=0x0",
    "?size=1x1",
    "?size=16x16",
    "?size=37x0",
    "?size=0x64",
    "?size=100x100",
    "?size=320x0",
    "?size=400x300",
    "?size=1600x1200",
    "?size=2047x2047",
    "?size=99999x99999",
];

/// A browser, the Moov SDK, and a client that accepts one format only.
const ACCEPTS: [&str; 3] = [
    "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8",
    "image/jpeg;q=1, image/png;q=0.7, image/webp;q=0",
    "image/webp",
];

/// The least number of pictures for the comparison to mean something.
const FEWEST_PICTURES: usize = 60;

/// As many as the processor cores of a small machine: rendering dominates here.
const AT_ONCE: usize = 2;

#[tokio::test(flavor = "multi_thread")]
async fn every_picture_size_and_accept_looks_as_at_the_origin() {
    let edge = Edge::start().await;
    let pictures = corpus::pictures();
    assert!(pictures.len() >= FEWEST_PICTURES, "{}", pictures.len());
    let compared = futures::stream::iter(pictures)
        .map(|picture| compare(&edge, picture))
        .buffer_unordered(AT_ONCE);
    compared.collect::<Vec<()>>().await;
    // The module made all of them: the origin's own renditions were never requested.
    let seen = edge.gate.take_seen();
    let fallen_back: Vec<_> = seen
        .iter()
        .filter(|path| path.starts_with("/images/"))
        .collect();
    assert!(fallen_back.is_empty(), "{fallen_back:?}");
}

async fn compare(edge: &Edge, picture: Sample) {
    let uploaded = edge.app.upload(picture.bytes).await;
    assert_eq!(uploaded.status(), StatusCode::CREATED, "{}", picture.name);
    let image: serde_json::Value = uploaded.json().await.unwrap();
    let public_id = image["publicID"].as_str().unwrap();
    for size in SIZES {
        for accept in ACCEPTS {
            let path = format!("/images/{public_id}{size}");
            let answer = both(edge, &path, &[("accept", accept)]).await;
            assert_eq!(answer.status, 200, "{} {size} {accept}", picture.name);
        }
    }
}

#[tokio::test]
async fn a_picture_that_was_cut_off_never_gets_a_link() {
    let edge = Edge::start().await;
    for Sample { name, bytes } in corpus::truncated() {
        let refused = edge.app.upload(bytes).await;
        assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY, "{name}");
    }
}
