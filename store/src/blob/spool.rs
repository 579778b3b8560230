//! An upload in progress: written to a temporary file while its digest is computed, so that memory
//! use does not grow with uploads and no reader ever sees a partial blob.

use std::fs;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use photolog_domain::ContentHash;
use sha2::{Digest as _, Sha256};
use tokio::runtime::Handle;
use uuid::Uuid;

use super::{BlobBackend, Blobs, blocking};
use crate::{BlobError, private};

/// The folder for uploads in progress: inside the blob directory, so that a rename stays on one disk.
pub(super) const INCOMING: &str = "incoming";

/// A file in `incoming/` untouched for this long belongs to no upload in progress, in this process
/// or another: no request may pause for an hour.
const ABANDONED_AFTER: Duration = Duration::from_secs(60 * 60);

/// An upload in progress. Dropped without [`Spool::keep`], it leaves nothing behind.
#[derive(Debug)]
pub struct Spool {
    place: BlobBackend,
    file: Arc<fs::File>,
    hasher: Sha256,
    length: u64,
    /// Declared after `file`, so that the file is closed first and its removal frees the blocks.
    path: Temporary,
}

impl Spool {
    pub(super) async fn begin(place: BlobBackend, incoming: &Path) -> Result<Self, BlobError> {
        let path = incoming.join(Uuid::now_v7().to_string());
        let new = path.clone();
        let file = blocking(move || Ok(private::create_new(&new)?)).await?;
        Ok(Self {
            place,
            file: Arc::new(file),
            hasher: Sha256::new(),
            length: 0,
            path: Temporary(path),
        })
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// When the disk fails or is full.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), BlobError> {
        self.length += bytes.len() as u64;
        let file = self.file.clone();
        let mut hasher = mem::take(&mut self.hasher);
        self.hasher = blocking(move || {
            hasher.update(&bytes);
            file.as_ref().write_all(&bytes)?;
            Ok(hasher)
        })
        .await?;
        Ok(())
    }

    /// The number of bytes written so far.
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Whether nothing has been written yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The digest of the bytes written so far.
    pub fn digest(&self) -> ContentHash {
        ContentHash::new(self.hasher.clone().finalize().into())
    }

    /// The bytes written so far, read back for decoding.
    ///
    /// # Errors
    /// When the disk fails.
    pub async fn read(&mut self) -> Result<Bytes, BlobError> {
        let file = self.file.clone();
        let length = self.length;
        blocking(move || {
            let mut file = file.as_ref();
            let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
            file.seek(SeekFrom::Start(0))?;
            // Reading leaves the offset at the end of the file, where the next write belongs.
            file.read_to_end(&mut bytes)?;
            Ok(bytes.into())
        })
        .await
    }

    /// Turns it into a blob; durable on return.
    ///
    /// An existing blob is replaced by the same bytes: it is then complete, and recent, so that `gc`
    /// leaves it alone until the pending event names it.
    ///
    /// # Errors
    /// When the disk or bucket fails.
    pub async fn keep(self) -> Result<Kept, BlobError> {
        let digest = self.digest();
        match &self.place {
            BlobBackend::Directory(directory) => {
                let (file, path) = (self.file.clone(), self.path.0.clone());
                directory.take(file, path, &digest).await?;
            }
            BlobBackend::Bucket(bucket) => {
                let file = self.file.clone();
                let rewound = blocking(move || {
                    file.as_ref().seek(SeekFrom::Start(0))?;
                    Ok(file.try_clone()?)
                });
                let mut file = rewound.await?.into();
                bucket.put(&mut file, self.length, &digest).await?;
            }
        }
        Ok(Kept {
            digest,
            spool: self,
        })
    }
}

/// A stored blob with its bytes, held until an event names it.
#[derive(Debug)]
pub struct Kept {
    digest: ContentHash,
    /// The open file stays readable wherever it is moved.
    spool: Spool,
}

impl Kept {
    /// The blob's digest.
    pub fn digest(&self) -> ContentHash {
        self.digest
    }

    /// Stores the blob again if it was removed: `gc` may have read the log just before an event named
    /// it. Call this once an event does.
    ///
    /// # Errors
    /// When the disk or bucket fails.
    pub async fn confirm(mut self, blobs: &Blobs) -> Result<(), BlobError> {
        if blobs.find(&self.digest).await?.is_none() {
            let bytes = self.spool.read().await?;
            blobs.put(bytes).await?;
        }
        Ok(())
    }
}

/// A file removed on drop, on the blocking pool, because freeing 16 MiB of blocks and page cache
/// takes about 10 ms.
#[derive(Debug)]
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        let path = mem::take(&mut self.0);
        // A blob directory may have taken the file already; a file that cannot be removed here is
        // removed at the next start.
        let remove = move || drop(fs::remove_file(path));
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(remove)),
            Err(_) => remove(),
        }
    }
}

/// Creates the folder, and removes the leftovers of interrupted uploads.
pub(super) async fn clean(incoming: Arc<Path>) -> Result<(), BlobError> {
    blocking(move || remove_abandoned(&incoming)).await
}

fn remove_abandoned(incoming: &Path) -> Result<(), BlobError> {
    private::refuse_link(incoming)?;
    private::make_folder(incoming)?;
    for entry in fs::read_dir(incoming)? {
        let entry = entry?;
        // Only an upload's leftovers: a regular file with the name of one.
        let name = entry.file_name();
        let named_by_us = name
            .to_str()
            .is_some_and(|name| Uuid::try_parse(name).is_ok());
        if !named_by_us || !entry.file_type()?.is_file() {
            continue;
        }
        let untouched_for = entry.metadata().and_then(|file| file.modified()).map(|at| {
            at.elapsed().unwrap_or_default() // a clock that went back: not old
        });
        match untouched_for {
            Ok(age) if age > ABANDONED_AFTER => fs::remove_file(entry.path())?,
            Ok(_) => {}
            // Another process finished or removed it meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
