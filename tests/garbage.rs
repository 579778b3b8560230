//! Pictures that no event names.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use photolog_tests::TestApp;

use crate::archive::{files_below, some_history, succeeded};

fn place(blobs: &Path, digest: &str) -> PathBuf {
    blobs.join(&digest[0..2]).join(&digest[2..4]).join(digest)
}

fn make_old(file: &Path) {
    let two_days_ago = SystemTime::now() - Duration::from_secs(48 * 60 * 60);
    File::options()
        .write(true)
        .open(file)
        .unwrap()
        .set_modified(two_days_ago)
        .unwrap();
}

#[tokio::test]
async fn only_old_pictures_that_no_event_names_are_removed() {
    let app = TestApp::spawn().await;
    some_history(&app).await;
    let blobs = app.data_dir().join("blobs");
    let named = files_below(&blobs);
    named.iter().for_each(|file| make_old(file));
    let (old, young) = ("ab".repeat(32), "cd".repeat(32));
    for digest in [&old, &young] {
        let file = place(&blobs, digest);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, b"left behind").unwrap();
    }
    make_old(&place(&blobs, &old));

    let said = succeeded(&app.command(&["gc", "--dry-run"]));
    assert!(said.starts_with(&old) && said.contains("would be removed"));
    assert!(!said.contains(&young), "{said}");
    assert!(place(&blobs, &old).exists());
    let patient = succeeded(&app.command(&["gc", "--grace-hours", "72"]));
    assert!(patient.contains("0 (0 bytes) removed, 2 too young"));

    // The next collection judges what an interrupted one left in quarantine.
    let judged = &named[0];
    let quarantine = blobs.join("quarantine");
    fs::create_dir(&quarantine).unwrap();
    fs::rename(judged, quarantine.join(judged.file_name().unwrap())).unwrap();

    succeeded(&app.command(&["gc"]));
    assert!(!place(&blobs, &old).exists() && place(&blobs, &young).exists());
    assert!(fs::read_dir(&quarantine).unwrap().next().is_none());
    assert!(named.iter().all(|file| file.exists()));
    succeeded(&app.command(&["verify"]));
}
