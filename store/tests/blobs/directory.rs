//! What only a directory of blobs does.

use std::fs;
use std::time::{Duration, SystemTime};

use photolog_store::{BlobConfig, Blobs};

#[tokio::test]
async fn only_old_leftovers_are_removed_at_open() {
    let folder = tempfile::tempdir().unwrap();
    let incoming = folder.path().join("incoming");
    fs::create_dir_all(&incoming).unwrap();
    fs::write(incoming.join("alive"), b"").unwrap();
    let old = fs::File::create(incoming.join("old")).unwrap();
    let yesterday = SystemTime::now() - Duration::from_secs(24 * 60 * 60);
    old.set_modified(yesterday).unwrap();
    let path = folder.path().to_owned();
    Blobs::open(&BlobConfig::Directory { path }).await.unwrap();
    assert!(incoming.join("alive").exists() && !incoming.join("old").exists());
}
