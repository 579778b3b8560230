//! Bytes by digest. A blob is complete and durable before any event names it.
//!
//! | file | what it holds |
//! | --- | --- |
//! | this one | [`Blobs`]: put, get, list, quarantine, purge, for either backend |
//! | `spool` | an upload in progress: a temporary file, hashed while it is written |
//! | `directory` | blobs as files: the default; several nodes may share it |
//! | `bucket` | blobs as objects, in S3, Google Cloud Storage or Azure |
//!
//! In both backends a blob's path is `ab/cd/abcd…`, the digest in hexadecimal, so blobs can be copied
//! from one to the other. A blob never changes; one that no event names is garbage, not damage.

mod bucket;
mod directory;
mod spool;

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use futures::stream::BoxStream;
use photolog_domain::ContentHash;
use sha2::{Digest as _, Sha256};

use crate::{BlobConfig, BlobError, private};
use bucket::Bucket;
use directory::Directory;
pub use spool::{Kept, Spool};

/// The blob store. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Blobs {
    place: BlobBackend,
    /// Where uploads are written until they are complete; `None` when opened for reading only.
    incoming: Option<Arc<Path>>,
}

#[derive(Clone, Debug)]
enum BlobBackend {
    Directory(Directory),
    Bucket(Bucket),
}

/// A blob as a listing shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredBlob {
    /// What it is named by.
    pub digest: ContentHash,
    /// When it was last stored.
    pub stored_at: SystemTime,
    /// Its size.
    pub size_bytes: u64,
}

impl Blobs {
    /// Opens the configured store and removes leftovers of interrupted uploads.
    ///
    /// # Errors
    /// When it does not exist, or cannot be read and written.
    pub async fn open(config: &BlobConfig) -> Result<Self, BlobError> {
        let (place, incoming) = match config {
            BlobConfig::Directory { path } => {
                let directory = Directory::new(path);
                (
                    BlobBackend::Directory(directory),
                    path.join(spool::INCOMING),
                )
            }
            BlobConfig::Bucket {
                url,
                environment,
                incoming,
            } => {
                let bucket = Bucket::open(url, environment).await?;
                (BlobBackend::Bucket(bucket), incoming.clone())
            }
        };
        let incoming: Arc<Path> = incoming.into();
        spool::clean(incoming.clone()).await?;
        Ok(Self {
            place,
            incoming: Some(incoming),
        })
    }

    /// Opens the store for reading, and changes nothing in it.
    ///
    /// # Errors
    /// When it is a symlink, or a bucket that cannot be read.
    pub async fn open_to_read(config: &BlobConfig) -> Result<Self, BlobError> {
        let place = match config {
            BlobConfig::Directory { path } => {
                private::refuse_link(path)?;
                BlobBackend::Directory(Directory::new(path))
            }
            BlobConfig::Bucket {
                url, environment, ..
            } => BlobBackend::Bucket(Bucket::open_to_read(url, environment).await?),
        };
        Ok(Self {
            place,
            incoming: None,
        })
    }

    /// Begins an upload.
    ///
    /// # Errors
    /// When the disk fails.
    pub async fn spool(&self) -> Result<Spool, BlobError> {
        let read_only = || io::Error::from(io::ErrorKind::ReadOnlyFilesystem);
        let incoming = self.incoming.as_deref().ok_or_else(read_only)?;
        Spool::begin(self.place.clone(), incoming).await
    }

    /// Stores bytes that are in memory; durable on return.
    ///
    /// # Errors
    /// When the disk or bucket fails.
    pub async fn put(&self, bytes: Bytes) -> Result<Kept, BlobError> {
        let mut spool = self.spool().await?;
        spool.write(bytes).await?;
        spool.keep().await
    }

    /// The bytes; `None` when no such blob exists. They are hashed on every read, which is cheap
    /// compared with decoding an image, so damaged bytes never leave the store.
    ///
    /// # Errors
    /// When the disk or bucket fails, or the bytes are damaged.
    pub async fn get(&self, digest: &ContentHash) -> Result<Option<Bytes>, BlobError> {
        let Some(bytes) = self.look_everywhere(digest).await? else {
            return Ok(None);
        };
        let digest = *digest;
        blocking(move || {
            if Sha256::digest(&bytes).as_slice() == digest.as_bytes() {
                Ok(Some(bytes))
            } else {
                Err(BlobError::Damaged(digest))
            }
        })
        .await
    }

    /// Looks in its place and in quarantine, because the blob may be moved either way meanwhile.
    async fn look_everywhere(&self, digest: &ContentHash) -> Result<Option<Bytes>, BlobError> {
        for at in [At::Place, At::Quarantine, At::Place] {
            let found = match &self.place {
                BlobBackend::Directory(directory) => directory.get(digest, at).await?,
                BlobBackend::Bucket(bucket) => bucket.get(digest, at).await?,
            };
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// A blob in its place, without its bytes; `None` when no such blob exists.
    ///
    /// # Errors
    /// When the disk or bucket fails.
    pub async fn find(&self, digest: &ContentHash) -> Result<Option<StoredBlob>, BlobError> {
        match &self.place {
            BlobBackend::Directory(directory) => directory.find(digest).await,
            BlobBackend::Bucket(bucket) => bucket.find(digest).await,
        }
    }

    /// Every blob, in no particular order, for `gc`; a blob that is stored again meanwhile may appear
    /// twice. Other files in the directory are ignored.
    pub fn list(&self) -> BoxStream<'static, Result<StoredBlob, BlobError>> {
        match &self.place {
            BlobBackend::Directory(directory) => directory.list(),
            BlobBackend::Bucket(bucket) => bucket.list(),
        }
    }

    /// Whether the directory exists; a bucket was checked when it was opened.
    pub fn is_there(&self) -> bool {
        match &self.place {
            BlobBackend::Directory(directory) => directory.is_there(),
            BlobBackend::Bucket(_) => true,
        }
    }

    /// How many bytes are free where uploads are written. Also checks that the store answers.
    ///
    /// # Errors
    /// When the bucket or the disk fails.
    pub async fn free_bytes(&self) -> Result<u64, BlobError> {
        match &self.place {
            BlobBackend::Directory(directory) => directory.check().await?,
            BlobBackend::Bucket(bucket) => bucket.check().await?,
        }
        match self.incoming.clone() {
            Some(incoming) => blocking(move || Ok(private::free_bytes(&incoming)?)).await,
            None => Ok(0),
        }
    }

    /// Quarantines a blob that no event seems to name; it can still be read. An upload of the same
    /// bytes puts it back in its place.
    ///
    /// # Errors
    /// When the disk or bucket fails.
    pub async fn quarantine(&self, digest: &ContentHash) -> Result<(), BlobError> {
        self.move_between(digest, At::Place, At::Quarantine).await
    }

    /// Moves a blob back to its place.
    ///
    /// # Errors
    /// When the disk or bucket fails.
    pub async fn release(&self, digest: &ContentHash) -> Result<(), BlobError> {
        self.move_between(digest, At::Quarantine, At::Place).await
    }

    async fn move_between(&self, digest: &ContentHash, from: At, to: At) -> Result<(), BlobError> {
        match &self.place {
            BlobBackend::Directory(directory) => directory.move_between(digest, from, to).await,
            BlobBackend::Bucket(bucket) => bucket.move_between(digest, from, to).await,
        }
    }

    /// What is in quarantine.
    ///
    /// # Errors
    /// When the disk or bucket fails.
    pub async fn quarantined(&self) -> Result<Vec<StoredBlob>, BlobError> {
        match &self.place {
            BlobBackend::Directory(directory) => directory.quarantined().await,
            BlobBackend::Bucket(bucket) => bucket.quarantined().await,
        }
    }

    /// Removes a blob from quarantine for good.
    ///
    /// # Errors
    /// When the disk or bucket fails.
    pub async fn purge(&self, digest: &ContentHash) -> Result<(), BlobError> {
        match &self.place {
            BlobBackend::Directory(directory) => directory.purge(digest).await,
            BlobBackend::Bucket(bucket) => bucket.purge(digest).await,
        }
    }
}

/// The folder of blobs that no event seems to name, kept until `gc` is sure.
const QUARANTINE: &str = "quarantine";

/// Where a blob may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Place,
    Quarantine,
}

/// The path of a blob below the bucket's prefix or the directory.
fn path_of(digest: &ContentHash, at: At) -> String {
    let name = digest.to_string();
    match at {
        At::Place => format!("{}/{}/{name}", &name[0..2], &name[2..4]),
        At::Quarantine => format!("{QUARANTINE}/{name}"),
    }
}

/// Runs file work on a thread where it may block.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BlobError> + Send + 'static,
) -> Result<T, BlobError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(io::Error::other(error).into()))
}
