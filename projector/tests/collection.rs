//! Garbage is collected while the same bytes are uploaded again; no blob is lost.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use photolog_domain::fixtures::{self, content, event_metadata, uploaded};
use photolog_domain::{ContentHash, Image};
use photolog_projector::gc::{Collection, collect_garbage};
use photolog_store::{
    BlobConfig, BlobUrl, Blobs, Conditions, MasterKeyFile, Store, StoreConfig, StoreError,
};
use photolog_tests::s3::S3;
use tokio::time::sleep;

/// Uploads concurrent with one collection.
const AT_ONCE: u64 = 50;

/// Every blob is old enough, and nothing waits: only the order of the steps protects an upload.
const AT_ONCE_AND_ALL: Collection = Collection {
    grace: Duration::ZERO,
    quarantine: Duration::ZERO,
    dry_run: false,
};

/// The number of races: many in a soak test, fewer otherwise.
fn races() -> u64 {
    std::env::var("PHOTOLOG_RACES").map_or(200, |races| races.parse().unwrap())
}

struct World {
    store: Store,
    blobs: Blobs,
    random: AtomicU64,
}

impl World {
    async fn new(folder: &Path, blobs: &BlobConfig) -> Self {
        let config = StoreConfig::Sqlite {
            path: folder.join("photolog.db"),
        };
        let store = Store::open(&config, MasterKeyFile::in_data_folder(folder)).await;
        Self {
            store: store.unwrap(),
            blobs: Blobs::open(blobs).await.unwrap(),
            random: AtomicU64::new(1),
        }
    }

    /// A random pause, at most about as long as a collection.
    async fn moment(&self, longest: Duration) {
        let step = self.random.fetch_add(1, Ordering::Relaxed);
        let random = step.wrapping_mul(6_364_136_223_846_793_005).rotate_left(23) % 1_000;
        sleep(longest * random as u32 / 1_000).await;
    }

    async fn upload(&self, number: u64, longest: Duration) -> ContentHash {
        self.moment(longest).await;
        let kept = self.blobs.put(bytes(number)).await.unwrap();
        let digest = kept.digest();
        self.moment(longest).await;
        let image = fixtures::image();
        let uploaded = uploaded(fixtures::account(), content(digest));
        let events = vec![(uploaded, event_metadata())];
        let conditions = Conditions::default();
        let appended = self
            .store
            .append::<Image>(image.uuid(), 0, events, &conditions);
        appended.await.unwrap();
        self.moment(longest / 4).await;
        kept.confirm(&self.blobs).await.unwrap();
        digest
    }

    /// Garbage, its collection, and uploads of the same bytes.
    async fn race(&self, first: u64, longest: Duration) {
        for number in first..first + AT_ONCE {
            self.blobs.put(bytes(number)).await.unwrap();
        }
        let uploads = (first..first + AT_ONCE).map(|number| self.upload(number, longest));
        let collect = async {
            self.moment(longest).await;
            collect_garbage(&self.store, &self.blobs, AT_ONCE_AND_ALL).await
        };
        let (collected, digests) = tokio::join!(collect, join_all(uploads));
        collected.unwrap();
        self.assert_all_there(&digests).await;
        // A second collection removes what the first left over, but nothing that is named.
        let again = collect_garbage(&self.store, &self.blobs, AT_ONCE_AND_ALL).await;
        again.unwrap();
        self.assert_all_there(&digests).await;
        assert!(self.blobs.quarantined().await.unwrap().is_empty());
    }

    async fn assert_all_there(&self, digests: &[ContentHash]) {
        for digest in digests {
            let found = self.blobs.get(digest).await.unwrap();
            assert!(found.is_some(), "{digest} is lost");
        }
    }
}

fn bytes(number: u64) -> Bytes {
    number.to_le_bytes().to_vec().into()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_upload_to_a_folder_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("blobs");
    let world = World::new(folder.path(), &BlobConfig::Directory { path }).await;
    for first in (0..races()).step_by(AT_ONCE as usize) {
        world.race(first, Duration::from_millis(60)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_upload_to_a_bucket_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let s3 = S3::start();
    let Ok(BlobUrl::Bucket(url)) = format!("s3://{}/races", S3::BUCKET).parse() else {
        panic!("no bucket");
    };
    let environment = s3.environment();
    let bucket = BlobConfig::Bucket {
        url,
        environment: environment
            .map(|(name, value)| (name.to_owned(), value))
            .into(),
        incoming: folder.path().join("incoming"),
    };
    let world = World::new(folder.path(), &bucket).await;
    for first in (0..races()).step_by(AT_ONCE as usize) {
        world.race(first, Duration::from_millis(300)).await;
    }
}

#[tokio::test]
async fn one_collects_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("blobs");
    let world = World::new(folder.path(), &BlobConfig::Directory { path }).await;
    let lock = world.store.begin_collection().await.unwrap();
    let refused = world.store.begin_collection().await;
    assert!(matches!(refused, Err(StoreError::Collecting)));
    drop(lock);
    world.store.begin_collection().await.unwrap();
}
