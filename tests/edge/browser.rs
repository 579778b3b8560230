//! Chromium, a page on one site and the pictures at the edge on another.

use http_body_util::Full;
use hyper::Response;
use hyper::header::CONTENT_TYPE;
use image::ImageFormat;
use photolog_tests::browser::Browser;
use photolog_tests::edge::Edge;
use photolog_tests::gate::{Gate, Verdict};
use photolog_tests::pictures::{encoded, pixels, png_of, png_with_alpha};
use serde_json::{Value, json};

/// A site that serves this page at every path.
async fn site(body: String) -> (Gate, String) {
    let site = Gate::open_before("http://nobody.invalid").await;
    let url = format!(
        "http://localhost:{}/",
        site.address.rsplit(':').next().unwrap()
    );
    let page = format!("<!doctype html><title>Pictures</title><body>{body}</body>");
    site.judge(move |_| {
        let answer = Response::builder().header(CONTENT_TYPE, "text/html; charset=utf-8");
        Verdict::Answer(answer.body(Full::new(page.clone().into())).unwrap())
    });
    (site, url)
}

/// The pictures of a page: natural size, chosen source, and the file's type and width.
const LOOK: &str = "
    const looks = [];
    for (const image of document.images) {
        await image.decode();
        const file = await fetch(image.currentSrc);
        const type = file.headers.get('content-type');
        const bitmap = await createImageBitmap(await file.blob());
        looks.push([image.naturalWidth, image.naturalHeight, type, bitmap.width]);
    }
    return looks;";

#[tokio::test]
async fn a_browser_shows_each_format_at_its_natural_size() {
    let edge = Edge::start().await;
    let mut tags = String::new();
    let mut wanted = Vec::new();
    for (picture, media_type) in [
        (
            encoded(pixels(640, 400, 1), ImageFormat::Jpeg),
            "image/jpeg",
        ),
        (png_of(640, 400, 2), "image/png"),
        (encoded(png_alpha(), ImageFormat::WebP), "image/webp"),
    ] {
        let link = edge.link(picture).await;
        for (query, width, height) in [
            ("", 400, 250),
            ("?size=0x0", 640, 400),
            ("?size=64x64", 64, 40),
        ] {
            tags += &format!("<img src='{}/images/{link}{query}'>", edge.url);
            wanted.push(json!([width, height, media_type, width]));
        }
    }
    let (_site, url) = site(tags).await;
    let browser = Browser::start().await;
    browser.open(&url).await;
    assert_eq!(browser.run(LOOK).await, Value::Array(wanted));
}

#[tokio::test]
async fn a_browser_takes_from_a_srcset_what_fits() {
    const WIDTHS: [u32; 5] = [160, 320, 640, 960, 1_280];
    let edge = Edge::start().await;
    let link = edge
        .link(encoded(pixels(1_600, 1_000, 3), ImageFormat::Jpeg))
        .await;
    let candidates =
        WIDTHS.map(|width| format!("{}/images/{link}?size={width}x0 {width}w", edge.url));
    let srcset = candidates.join(", ");
    let tags = WIDTHS.map(|width| format!("<img srcset='{srcset}' sizes='{width}px'>"));
    let wanted = WIDTHS.map(|width| json!([width, width * 5 / 8, "image/jpeg", width]));
    let (_site, url) = site(tags.join("")).await;
    let browser = Browser::start().await;
    browser.open(&url).await;
    assert_eq!(browser.run(LOOK).await, json!(wanted));
}

#[tokio::test]
async fn a_browser_that_reloads_shows_the_replaced_picture() {
    let edge = Edge::start().await;
    let image = edge.app.uploaded(png_of(90, 60, 4)).await;
    let link = format!(
        "{}/images/{}",
        edge.url,
        image["publicID"].as_str().unwrap()
    );
    let browser = Browser::start().await;
    let sides = "const image = document.images[0];
        await image.decode();
        return [image.naturalWidth, image.naturalHeight];";
    browser.open(&link).await;
    assert_eq!(browser.run(sides).await, json!([90, 60]));
    edge.replace(image["imageID"].as_str().unwrap(), png_with_alpha(70, 80))
        .await;
    // The edge uses its pointer for a second.
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    browser.reload().await;
    assert_eq!(browser.run(sides).await, json!([70, 80]));
}

fn png_alpha() -> image::DynamicImage {
    image::load_from_memory(&png_with_alpha(640, 400)).unwrap()
}
