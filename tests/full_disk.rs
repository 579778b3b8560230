//! No space is left for pictures: uploads are refused, everything else works, and nothing is half
//! written.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use photolog_tests::small_disk::SmallDisk;
use photolog_tests::{TestApp, pictures};
use reqwest::StatusCode;
use serde_json::Value;

#[tokio::test]
async fn uploads_wait_for_space_and_all_else_goes_on() {
    let disk = SmallDisk::of_megabytes(8);
    let place = format!("file://{}", disk.path().display());
    let app = TestApp::with([("PHOTOLOG_BLOB_URL", &place)]).await;
    let image = app.uploaded(pictures::png(1)).await;
    let image = image["imageID"].as_str().unwrap();
    let files = blobs_below(disk.path());

    disk.fill();
    let refused = app.upload(pictures::png(2)).await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(refused.headers().contains_key("retry-after"));
    let body: Value = refused.json().await.unwrap();
    assert_eq!(body["error"], "the picture store is unavailable");
    assert!(app.log().contains("No space left on device"));
    let written = app.set_alt_text(image, "A lighthouse").await;
    assert_eq!(written.status(), StatusCode::OK);
    assert_eq!(app.list().await.len(), 1);
    assert_eq!(blobs_below(disk.path()), files);

    disk.empty();
    app.uploaded(pictures::png(2)).await;
    assert_eq!(app.list().await.len(), 2);
    let verified = app.command(&["verify"]);
    assert!(verified.status.success(), "{verified:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_follow_again_as_soon_as_there_is_space_for_the_database() {
    const PROMISED: Duration = Duration::from_secs(2);
    let disk = SmallDisk::of_megabytes(64);
    let app = Arc::new(TestApp::on(disk).await);
    let image = app.uploaded(pictures::png(1)).await;
    let image = image["imageID"].as_str().unwrap().to_owned();
    for round in 0..5 {
        // In some of these, the space runs out between an append and its projection.
        let writes = tokio::spawn({
            let (app, image) = (app.clone(), image.clone());
            async move {
                for number in 0.. {
                    let text = format!("{round} {number} {}", "x".repeat(100));
                    if app.set_alt_text(&image, &text).await.status() != StatusCode::OK {
                        break;
                    }
                }
            }
        });
        tokio::time::sleep(Duration::from_millis(200)).await;
        app.disk().fill();
        writes.await.unwrap();
        tokio::time::sleep(Duration::from_millis(300)).await;
        app.disk().empty();
        let emptied = Instant::now();
        loop {
            let text = format!("after {round}");
            let written = app.set_alt_text(&image, &text).await;
            let list = app.list().await;
            if written.status() == StatusCode::OK && list[0]["altText"] == text.as_str() {
                break;
            }
            let took = emptied.elapsed();
            assert!(
                took < PROMISED,
                "round {round}: lists stand still for {took:?}"
            );
        }
    }
    let verified = app.command(&["verify"]);
    assert!(verified.status.success(), "{verified:?}");
}

#[tokio::test]
async fn a_start_without_space_names_the_folder() {
    let disk = SmallDisk::of_megabytes(16);
    let mut app = TestApp::on(disk).await;
    app.uploaded(pictures::png(1)).await;
    app.kill();
    app.disk().fill();
    let refused = app.command(&["--listen", "127.0.0.1:0"]);
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success(), "{refused:?}");
    assert!(
        refused.stdout.is_empty(),
        "it says that it serves: {refused:?}"
    );
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(
        said.contains("--data-dir") && said.contains("No space left"),
        "{said}"
    );
    app.disk().empty();
    // The refused start has removed the address of the last run.
    fs::write(app.data_dir().join("address"), "").unwrap();
    app.restart().await;
    assert_eq!(app.list().await.len(), 1);
}

/// The number of files that are not empty, without the one that fills the disk.
fn blobs_below(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    entries
        .map(|entry| match entry.file_type().unwrap().is_dir() {
            true => blobs_below(&entry.path()),
            false => usize::from(entry.file_name() != "filler"),
        })
        .sum()
}
