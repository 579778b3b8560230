//! No space is left for pictures: uploads are turned away, all else goes on, nothing is half there.

use std::fs;
use std::path::Path;

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

/// How many files with bytes there are, but for what takes all the space.
fn blobs_below(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    entries
        .map(|entry| match entry.file_type().unwrap().is_dir() {
            true => blobs_below(&entry.path()),
            false => usize::from(entry.file_name() != "filler"),
        })
        .sum()
}
