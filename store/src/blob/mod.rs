//! Bytes by digest. A blob is complete and durable before any event names it.
//!
//! | file | what it holds |
//! | --- | --- |
//! | this one | [`Blobs`]: put, get, list, delete, wherever the bytes are |
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
use photolog_domain::Digest;
use sha2::{Digest as _, Sha256};

use crate::{BlobConfig, BlobError, private};
use bucket::Bucket;
use directory::Directory;
pub use spool::Spool;

/// Where blobs live. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Blobs {
    place: Place,
    /// Where uploads are written until they are whole; `None` where nothing may be written.
    incoming: Option<Arc<Path>>,
}

#[derive(Clone, Debug)]
enum Place {
    Directory(Directory),
    Bucket(Bucket),
}

/// A blob as a listing shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredBlob {
    /// What it is named by.
    pub digest: Digest,
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
                (Place::Directory(directory), path.join(spool::INCOMING))
            }
            BlobConfig::Bucket {
                url,
                environment,
                incoming,
            } => {
                let bucket = Bucket::open(url, environment).await?;
                (Place::Bucket(bucket), incoming.clone())
            }
        };
        let incoming: Arc<Path> = incoming.into();
        spool::clean(incoming.clone()).await?;
        Ok(Self {
            place,
            incoming: Some(incoming),
        })
    }

    /// Opens a directory to read from, and changes nothing in it.
    ///
    /// # Errors
    /// When it is a link.
    pub fn open_to_read(path: &Path) -> Result<Self, BlobError> {
        private::refuse_link(path)?;
        Ok(Self {
            place: Place::Directory(Directory::new(path)),
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
    pub async fn put(&self, bytes: Bytes) -> Result<Digest, BlobError> {
        let mut spool = self.spool().await?;
        spool.write(bytes).await?;
        spool.keep().await
    }

    /// The bytes; `None` when there are none of that name. They are hashed on every read, which
    /// costs little beside decoding a picture, so damaged bytes never leave the store.
    ///
    /// # Errors
    /// When the disk or bucket fails, or the bytes are damaged.
    pub async fn get(&self, digest: &Digest) -> Result<Option<Bytes>, BlobError> {
        let found = match &self.place {
            Place::Directory(directory) => directory.get(digest).await?,
            Place::Bucket(bucket) => bucket.get(digest).await?,
        };
        let Some(bytes) = found else {
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

    /// A blob without its bytes; `None` when there is none of that name.
    ///
    /// # Errors
    /// When the disk or bucket fails.
    pub async fn find(&self, digest: &Digest) -> Result<Option<StoredBlob>, BlobError> {
        match &self.place {
            Place::Directory(directory) => directory.find(digest).await,
            Place::Bucket(bucket) => bucket.find(digest).await,
        }
    }

    /// Every blob, in no particular order, for `gc`; one that is put again meanwhile may come twice.
    /// What else lies there is not ours to judge.
    pub fn list(&self) -> BoxStream<'static, Result<StoredBlob, BlobError>> {
        match &self.place {
            Place::Directory(directory) => directory.list(),
            Place::Bucket(bucket) => bucket.list(),
        }
    }

    /// Removes a blob that no event names.
    ///
    /// # Errors
    /// When the disk or bucket fails.
    pub async fn delete(&self, digest: &Digest) -> Result<(), BlobError> {
        match &self.place {
            Place::Directory(directory) => directory.delete(digest).await,
            Place::Bucket(bucket) => bucket.delete(digest).await,
        }
    }
}

/// Where a blob is, below the bucket's prefix; in a directory it is the same.
fn path_of(digest: &Digest) -> String {
    let name = digest.to_string();
    format!("{}/{}/{name}", &name[0..2], &name[2..4])
}

/// Runs file work where it may block.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BlobError> + Send + 'static,
) -> Result<T, BlobError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(io::Error::other(error).into()))
}
