//! Bytes by digest. A blob is complete and durable before any event names it.
//!
//! | file | what it holds |
//! | --- | --- |
//! | this one | [`Blobs`]: put, get, list, quarantine, purge, wherever the bytes are |
//! | `spool` | an upload on its way in: a temporary file, hashed while it is written |
//! | `directory` | blobs as files: the default, also shared by several nodes |
//! | `bucket` | blobs as objects, in S3, Google Cloud Storage or Azure |
//!
//! In both places a blob is `ab/cd/abcd…`, the digest in hexadecimal, so one can be copied to the
//! other. It never changes; a blob that no event names is garbage, not damage.

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

/// Where blobs live. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Blobs {
    place: BlobBackend,
    /// Where uploads are written until they are whole; `None` where nothing may be written.
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
    /// When it was put there, the last time.
    pub stored_at: SystemTime,
    /// How long it is.
    pub size_bytes: u64,
}

impl Blobs {
    /// Opens the place that the settings name; leftovers of uploads cut short are removed.
    ///
    /// # Errors
    /// When it is not there, or cannot be read and written.
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

    /// Opens the place to read from, and changes nothing in it.
    ///
    /// # Errors
    /// When it is a link, or a bucket that cannot be read.
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

    /// The bytes; `None` when there are none of that name. They are hashed on every read, which
    /// costs little beside decoding a picture, so damaged bytes never leave the store.
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

    /// In its place or in quarantine; it may be moved from either to the other meanwhile.
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

    /// A blob in its place, without its bytes; `None` when there is none of that name.
    ///
    /// # Errors
    /// When the disk or bucket fails.
    pub async fn find(&self, digest: &ContentHash) -> Result<Option<StoredBlob>, BlobError> {
        match &self.place {
            BlobBackend::Directory(directory) => directory.find(digest).await,
            BlobBackend::Bucket(bucket) => bucket.find(digest).await,
        }
    }

    /// Every blob, in no particular order, for `gc`; one that is put again meanwhile may come twice.
    /// What else lies there is not ours to judge.
    pub fn list(&self) -> BoxStream<'static, Result<StoredBlob, BlobError>> {
        match &self.place {
            BlobBackend::Directory(directory) => directory.list(),
            BlobBackend::Bucket(bucket) => bucket.list(),
        }
    }

    /// Whether there is such a place; a bucket was asked when it was opened.
    pub fn is_there(&self) -> bool {
        match &self.place {
            BlobBackend::Directory(directory) => directory.is_there(),
            BlobBackend::Bucket(_) => true,
        }
    }

    /// How many bytes are free where uploads are written, if the bucket answers at all.
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

    /// Moves a blob that no event seems to name out of its place; it can still be read. An upload of the
    /// same bytes puts them in their place again.
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

/// Where blobs are that no event seems to name, below the others, until `gc` is sure.
const QUARANTINE: &str = "quarantine";

/// Where a blob may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Place,
    Quarantine,
}

/// Where a blob is, below the bucket's prefix; in a directory it is the same.
fn path_of(digest: &ContentHash, at: At) -> String {
    let name = digest.to_string();
    match at {
        At::Place => format!("{}/{}/{name}", &name[0..2], &name[2..4]),
        At::Quarantine => format!("{QUARANTINE}/{name}"),
    }
}

/// Runs file work where it may block.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BlobError> + Send + 'static,
) -> Result<T, BlobError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(io::Error::other(error).into()))
}
