//! Behaviour of a directory of blobs only.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures::StreamExt;
use photolog_domain::ContentHash;
use photolog_store::{BlobConfig, BlobError, Blobs};

#[tokio::test]
async fn only_old_leftovers_are_removed_at_open() {
    let folder = tempfile::tempdir().unwrap();
    let incoming = folder.path().join("incoming");
    fs::create_dir_all(&incoming).unwrap();
    let name = |number: u8| format!("0190f7c2-1111-7aaa-8bbb-12345678900{number}");
    let (alive, old) = (name(1), name(2));
    fs::write(incoming.join(&alive), b"").unwrap();
    // A file without an upload's name is left alone.
    for name in [old.as_str(), "foreign"] {
        let file = fs::File::create(incoming.join(name)).unwrap();
        let yesterday = SystemTime::now() - Duration::from_secs(24 * 60 * 60);
        file.set_modified(yesterday).unwrap();
    }
    let path = folder.path().to_owned();
    Blobs::open(&BlobConfig::Directory { path }).await.unwrap();
    assert!(incoming.join(alive).exists() && !incoming.join(old).exists());
    assert!(incoming.join("foreign").exists());
}

/// A directory with one blob.
async fn one_blob(folder: &Path) -> (Blobs, ContentHash, PathBuf) {
    let path = folder.join("blobs");
    let config = BlobConfig::Directory { path: path.clone() };
    let blobs = Blobs::open(&config).await.unwrap();
    let kept = blobs.put(Bytes::from_static(b"a picture")).await.unwrap();
    let digest = kept.digest();
    let name = digest.to_string();
    let file = path.join(&name[0..2]).join(&name[2..4]).join(name);
    assert!(file.is_file());
    (blobs, digest, file)
}

#[tokio::test]
async fn anything_but_a_regular_file_is_damaged_and_heals_by_the_next_upload() {
    let folder = tempfile::tempdir().unwrap();
    let (blobs, digest, file) = one_blob(folder.path()).await;
    let copy = folder.path().join("copy");
    fs::rename(&file, &copy).unwrap();
    let pipe = || {
        assert!(
            Command::new("mkfifo")
                .arg(&file)
                .status()
                .unwrap()
                .success()
        )
    };
    let link = || symlink(&copy, &file).unwrap();
    let folder_of_its_name = || fs::create_dir(&file).unwrap();
    for make in [&pipe as &dyn Fn(), &link, &folder_of_its_name] {
        make();
        let got = tokio::time::timeout(Duration::from_secs(20), blobs.get(&digest)).await;
        assert!(matches!(got.unwrap(), Err(BlobError::Damaged(_))));
        assert!(blobs.find(&digest).await.unwrap().is_none());
        assert_eq!(blobs.list().count().await, 0);
        if file.is_dir() && !file.is_symlink() {
            fs::remove_dir(&file).unwrap();
        } else {
            blobs.put(Bytes::from_static(b"a picture")).await.unwrap();
            assert!(fs::symlink_metadata(&file).unwrap().is_file());
            fs::remove_file(&file).unwrap();
        }
    }
    assert_eq!(fs::read(copy).unwrap(), b"a picture");
}

#[tokio::test]
async fn no_link_to_a_folder_is_followed() {
    let folder = tempfile::tempdir().unwrap();
    let (blobs, digest, file) = one_blob(folder.path()).await;
    let elsewhere = folder.path().join("elsewhere");
    let inner = file.parent().unwrap();
    fs::rename(inner, &elsewhere).unwrap();
    symlink(&elsewhere, inner).unwrap();
    assert!(blobs.get(&digest).await.unwrap().is_none());
    blobs.quarantine(&digest).await.unwrap();
    assert!(blobs.put(Bytes::from_static(b"a picture")).await.is_err());
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 1);

    let quarantine = folder.path().join("blobs/quarantine");
    fs::remove_dir_all(&quarantine).ok();
    symlink(&elsewhere, &quarantine).unwrap();
    assert!(blobs.quarantined().await.unwrap().is_empty());
    blobs.purge(&digest).await.unwrap();
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 1);

    let incoming = folder.path().join("blobs/incoming");
    fs::remove_dir_all(&incoming).unwrap();
    symlink(&elsewhere, &incoming).unwrap();
    let path = folder.path().join("blobs");
    let refused = Blobs::open(&BlobConfig::Directory { path }).await;
    assert!(refused.is_err());
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 1);
}

#[tokio::test]
async fn a_directory_that_is_opened_to_read_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let (_, digest, _) = one_blob(folder.path()).await;
    let path = folder.path().join("blobs");
    fs::remove_dir_all(path.join("incoming")).unwrap();
    let to_read = async |path: &Path| {
        let path = path.to_owned();
        Blobs::open_to_read(&BlobConfig::Directory { path }).await
    };
    let reading = to_read(&path).await.unwrap();
    assert_eq!(reading.get(&digest).await.unwrap().unwrap(), "a picture");
    assert!(reading.put(Bytes::from_static(b"another")).await.is_err());
    assert!(!path.join("incoming").exists());
    let link = folder.path().join("link");
    symlink(&path, &link).unwrap();
    assert!(to_read(&link).await.is_err());
}
