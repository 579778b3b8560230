//! Bytes by digest. A blob is complete and durable before any event names it.

use std::path::Path;

use bytes::Bytes;
use photolog_domain::Digest;

use crate::BlobError;

/// Where blobs live. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Blobs {}

/// Bytes on their way in: written to a temporary file while their digest is computed.
/// Dropped without [`Spool::keep`], it leaves nothing behind.
#[derive(Debug)]
pub struct Spool {}

impl Blobs {
    /// Opens (and makes) a directory of blobs; leftovers of uploads cut short are removed.
    ///
    /// # Errors
    /// When the directory cannot be written.
    pub async fn open_directory(_directory: &Path) -> Result<Self, BlobError> {
        unimplemented!()
    }

    /// Begins an upload.
    ///
    /// # Errors
    /// When the disk fails.
    pub async fn spool(&self) -> Result<Spool, BlobError> {
        unimplemented!()
    }

    /// Stores bytes that are in memory; durable on return.
    ///
    /// # Errors
    /// When the disk or bucket fails.
    pub async fn put(&self, _bytes: Bytes) -> Result<Digest, BlobError> {
        unimplemented!()
    }

    /// The bytes; `None` when there are none of that name.
    ///
    /// # Errors
    /// When the disk or bucket fails, or the bytes are damaged.
    pub async fn get(&self, _digest: &Digest) -> Result<Option<Bytes>, BlobError> {
        unimplemented!()
    }

    /// Every digest stored, for `verify` and `gc`.
    ///
    /// # Errors
    /// When the disk or bucket fails.
    pub async fn list(&self) -> Result<Vec<Digest>, BlobError> {
        unimplemented!()
    }
}

impl Spool {
    /// Adds bytes.
    ///
    /// # Errors
    /// When the disk fails or is full.
    pub async fn write(&mut self, _bytes: &[u8]) -> Result<(), BlobError> {
        unimplemented!()
    }

    /// Bytes written so far.
    pub fn len(&self) -> u64 {
        unimplemented!()
    }

    /// Whether nothing was written yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The digest of what was written so far.
    pub fn digest(&self) -> Digest {
        unimplemented!()
    }

    /// What was written so far, read back for decoding.
    ///
    /// # Errors
    /// When the disk fails.
    pub async fn read(&mut self) -> Result<Bytes, BlobError> {
        unimplemented!()
    }

    /// Makes it a blob: fsync, rename, fsync of the folder. Durable on return.
    ///
    /// # Errors
    /// When the disk fails.
    pub async fn keep(self) -> Result<Digest, BlobError> {
        unimplemented!()
    }
}
