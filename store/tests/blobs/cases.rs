//! The cases that hold for both backends.

use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use futures::TryStreamExt;
use photolog_domain::ContentHash;
use photolog_store::{BlobError, Blobs};
use sha2::{Digest as _, Sha256};

use crate::World;

async fn digests(blobs: &Blobs) -> Vec<ContentHash> {
    let mut digests: Vec<_> = blobs
        .list()
        .map_ok(|blob| blob.digest)
        .try_collect()
        .await
        .unwrap();
    digests.sort();
    // While a blob is stored again, a listing may contain it twice, as with rclone.
    digests.dedup();
    digests
}

/// Bytes that neither compression nor a sparse file makes smaller.
fn noise(length: usize) -> Bytes {
    let mut state = 1u32;
    std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    })
    .take(length)
    .collect()
}

pub(crate) async fn what_is_kept_comes_back_under_its_digest(world: &World) {
    let blobs = &world.blobs;
    let mut spool = blobs.spool().await.unwrap();
    assert!(spool.is_empty());
    spool.write(Bytes::from_static(b"one ")).await.unwrap();
    assert_eq!(spool.read().await.unwrap(), "one ");
    spool.write(Bytes::from_static(b"two")).await.unwrap();
    assert_eq!(spool.read().await.unwrap(), "one two");
    assert_eq!(spool.len(), 7);
    let digest = spool.keep().await.unwrap().digest();
    assert_eq!(digest.as_bytes(), Sha256::digest(b"one two").as_slice());
    assert_eq!(blobs.get(&digest).await.unwrap().unwrap(), "one two");
    let empty = blobs.put(Bytes::new()).await.unwrap().digest();
    assert_eq!(blobs.get(&empty).await.unwrap().unwrap(), "");
    let unknown = ContentHash::new([0; 32]);
    assert_eq!(blobs.get(&unknown).await.unwrap(), None);
    assert_eq!(blobs.find(&unknown).await.unwrap(), None);
    assert_eq!(world.unfinished(), 0);
}

/// Sizes around that of a part, and the largest upload that the service accepts.
pub(crate) async fn large_blobs_come_back_whole(world: &World) {
    for length in [(5 << 20) - 1, 5 << 20, (5 << 20) + 1, 16 << 20] {
        let bytes = noise(length);
        let digest = world.blobs.put(bytes.clone()).await.unwrap().digest();
        assert!(world.blobs.get(&digest).await.unwrap().unwrap() == bytes);
        let found = world.blobs.find(&digest).await.unwrap().unwrap();
        assert_eq!(found.size_bytes, length as u64);
    }
}

pub(crate) async fn the_same_bytes_many_times_at_once_are_one_blob(world: &World) {
    let puts = (0..16).map(|_| world.blobs.put(Bytes::from_static(b"again")));
    let digests_of_puts = futures::future::try_join_all(puts).await.unwrap();
    let digest = digests_of_puts[0].digest();
    assert!(digests_of_puts.iter().all(|other| other.digest() == digest));
    assert_eq!(digests(&world.blobs).await, [digest]);
    assert_eq!(world.blobs.get(&digest).await.unwrap().unwrap(), "again");
}

pub(crate) async fn an_upload_cut_short_leaves_nothing(world: &World) {
    let mut spool = world.blobs.spool().await.unwrap();
    spool.write(Bytes::from_static(b"half")).await.unwrap();
    assert_eq!(world.unfinished(), 1);
    drop(spool);
    // The file is removed off the async threads.
    let began = Instant::now();
    while world.unfinished() > 0 && began.elapsed() < Duration::from_secs(10) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(world.unfinished(), 0);
    assert!(digests(&world.blobs).await.is_empty());
}

pub(crate) async fn damaged_bytes_are_not_handed_out_and_heal_by_the_next_upload(world: &World) {
    let blobs = &world.blobs;
    let digest = put(blobs, b"right").await;
    std::fs::write(world.file(&digest), b"wrong").unwrap();
    assert!(matches!(
        blobs.get(&digest).await,
        Err(BlobError::Damaged(damaged)) if damaged == digest
    ));
    blobs.put(Bytes::from_static(b"right")).await.unwrap();
    assert_eq!(blobs.get(&digest).await.unwrap().unwrap(), "right");
}

async fn put(blobs: &Blobs, bytes: &'static [u8]) -> ContentHash {
    let kept = blobs.put(Bytes::from_static(bytes)).await;
    kept.unwrap().digest()
}

pub(crate) async fn what_is_in_quarantine_can_be_read_until_it_is_purged(world: &World) {
    let blobs = &world.blobs;
    let digest = put(blobs, b"gone").await;
    let is_there = async || blobs.find(&digest).await.unwrap().is_some();
    let quarantined = async || blobs.quarantined().await.unwrap().len();
    for _ in 0..2 {
        blobs.quarantine(&digest).await.unwrap();
        assert!(!is_there().await && quarantined().await == 1);
        assert_eq!(blobs.get(&digest).await.unwrap().unwrap(), "gone");
        assert!(digests(blobs).await.is_empty());
    }
    for _ in 0..2 {
        blobs.release(&digest).await.unwrap();
        assert!(is_there().await && quarantined().await == 0);
    }
    blobs.quarantine(&digest).await.unwrap();
    for _ in 0..2 {
        blobs.purge(&digest).await.unwrap();
        assert_eq!(blobs.get(&digest).await.unwrap(), None);
    }
    assert_eq!(put(blobs, b"gone").await, digest);
    blobs.purge(&digest).await.unwrap();
    assert_eq!(blobs.get(&digest).await.unwrap().unwrap(), "gone");
}

pub(crate) async fn what_was_taken_away_is_put_again(world: &World) {
    let blobs = &world.blobs;
    for bytes in [noise(9 << 20), Bytes::from_static(b"small")] {
        let kept = blobs.put(bytes.clone()).await.unwrap();
        let digest = kept.digest();
        blobs.quarantine(&digest).await.unwrap();
        blobs.purge(&digest).await.unwrap();
        kept.confirm(blobs).await.unwrap();
        assert!(blobs.get(&digest).await.unwrap().unwrap() == bytes);
    }
}

pub(crate) async fn a_listing_shows_every_blob_and_nothing_else(world: &World) {
    let blobs = &world.blobs;
    let before = SystemTime::now() - Duration::from_secs(2);
    let mut expected = Vec::new();
    for number in 0..20u8 {
        let kept = blobs.put(Bytes::from(vec![number; 3])).await.unwrap();
        expected.push(kept.digest());
    }
    expected.sort();
    // Other files in the folder are ignored.
    let neighbour = world.file(&expected[0]).with_file_name("notes.txt");
    std::fs::write(neighbour, b"not a blob").unwrap();
    let unfinished = blobs.spool().await.unwrap();
    assert_eq!(digests(blobs).await, expected);
    drop(unfinished);
    for digest in &expected {
        let found = blobs.find(digest).await.unwrap().unwrap();
        assert_eq!(found.size_bytes, 3);
        assert!(found.stored_at > before && found.stored_at <= SystemTime::now());
    }
}
