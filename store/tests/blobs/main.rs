//! The contract of a blob store, as one list of cases: each runs against a directory and against a
//! bucket of a real S3 server. In addition, behaviour of only one of the two.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod bucket;
mod cases;
mod directory;

use std::path::PathBuf;

use photolog_store::{BlobConfig, Blobs};
use photolog_tests::s3::S3;
use tempfile::TempDir;

/// An empty blob store, removed on drop.
pub(crate) struct World {
    pub(crate) blobs: Blobs,
    pub(crate) folder: TempDir,
    s3: Option<S3>,
}

impl World {
    async fn directory() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("blobs");
        Self {
            blobs: Blobs::open(&BlobConfig::Directory { path }).await.unwrap(),
            folder,
            s3: None,
        }
    }

    async fn bucket() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let s3 = S3::start();
        let config = bucket::config(&s3, "pictures/of/ours", folder.path());
        Self {
            blobs: Blobs::open(&config).await.unwrap(),
            folder,
            s3: Some(s3),
        }
    }

    /// The file of a blob, for damaging it.
    pub(crate) fn file(&self, digest: &photolog_domain::ContentHash) -> PathBuf {
        let name = digest.to_string();
        let path = format!("{}/{}/{name}", &name[0..2], &name[2..4]);
        match &self.s3 {
            None => self.folder.path().join("blobs").join(path),
            Some(s3) => s3.object("of/ours").join(path),
        }
    }

    /// The number of files of unfinished uploads.
    pub(crate) fn unfinished(&self) -> usize {
        let incoming = match &self.s3 {
            None => "blobs/incoming",
            Some(_) => "incoming",
        };
        std::fs::read_dir(self.folder.path().join(incoming))
            .unwrap()
            .count()
    }
}

/// Defines a test of each case for each backend.
macro_rules! conformance {
    ($($case:ident),+ $(,)?) => {
        mod in_a_directory {
            $(#[tokio::test]
            async fn $case() {
                crate::cases::$case(&crate::World::directory().await).await;
            })+
        }
        mod in_a_bucket {
            $(#[tokio::test]
            async fn $case() {
                crate::cases::$case(&crate::World::bucket().await).await;
            })+
        }
    };
}

conformance![
    what_is_kept_comes_back_under_its_digest,
    large_blobs_come_back_whole,
    the_same_bytes_many_times_at_once_are_one_blob,
    an_upload_cut_short_leaves_nothing,
    damaged_bytes_are_not_handed_out_and_heal_by_the_next_upload,
    what_is_in_quarantine_can_be_read_until_it_is_purged,
    what_was_taken_away_is_put_again,
    a_listing_shows_every_blob_and_nothing_else,
];
