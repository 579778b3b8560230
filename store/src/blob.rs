//! Bytes by digest. A blob is complete and durable before any event names it.
//!
//! A directory holds `ab/cd/abcd…` (the digest in hexadecimal) and `incoming/`, where uploads
//! are written until they are whole. A blob appears by a rename, so nobody ever sees half of one,
//! and never changes afterwards. A blob that no event names is garbage, not damage.

use std::fs;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use photolog_domain::Digest;
use sha2::{Digest as _, Sha256};
use tokio::io::AsyncWriteExt;
use uuid::Uuid;

use crate::BlobError;

const INCOMING: &str = "incoming";

/// A file in `incoming/` untouched for so long belongs to no upload that is still alive, in this
/// process or another: no request may pause for an hour.
const ABANDONED_AFTER: Duration = Duration::from_secs(60 * 60);

/// Where blobs live. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Blobs {
    directory: Arc<Path>,
}

/// Bytes on their way in: written to a temporary file while their digest is computed.
/// Dropped without [`Spool::keep`], it leaves nothing behind.
#[derive(Debug)]
pub struct Spool {
    directory: Arc<Path>,
    path: PathBuf,
    file: tokio::fs::File,
    hasher: Sha256,
    length: u64,
}

impl Blobs {
    /// Opens (and makes) a directory of blobs; leftovers of uploads cut short are removed.
    ///
    /// # Errors
    /// When the directory cannot be written.
    pub async fn open_directory(directory: &Path) -> Result<Self, BlobError> {
        let directory: Arc<Path> = directory.into();
        let blobs = Self {
            directory: directory.clone(),
        };
        blocking(move || remove_abandoned(&directory.join(INCOMING))).await?;
        Ok(blobs)
    }

    /// Begins an upload.
    ///
    /// # Errors
    /// When the disk fails.
    pub async fn spool(&self) -> Result<Spool, BlobError> {
        let path = self
            .directory
            .join(INCOMING)
            .join(Uuid::now_v7().to_string());
        let file = tokio::fs::File::options()
            .read(true)
            .write(true)
            .create_new(true)
            .open(&path)
            .await?;
        Ok(Spool {
            directory: self.directory.clone(),
            path,
            file,
            hasher: Sha256::new(),
            length: 0,
        })
    }

    /// Stores bytes that are in memory; durable on return.
    ///
    /// # Errors
    /// When the disk or bucket fails.
    pub async fn put(&self, bytes: Bytes) -> Result<Digest, BlobError> {
        let mut spool = self.spool().await?;
        spool.write(&bytes).await?;
        spool.keep().await
    }

    /// The bytes; `None` when there are none of that name. They are hashed on every read, which
    /// costs little beside decoding a picture, so damaged bytes never leave the store.
    ///
    /// # Errors
    /// When the disk or bucket fails, or the bytes are damaged.
    pub async fn get(&self, digest: &Digest) -> Result<Option<Bytes>, BlobError> {
        let digest = *digest;
        let path = path_of(&self.directory, &digest);
        blocking(move || match fs::read(path) {
            Ok(bytes) if Sha256::digest(&bytes).as_slice() == digest.as_bytes() => {
                Ok(Some(bytes.into()))
            }
            Ok(_) => Err(BlobError::Damaged(digest)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        })
        .await
    }

    /// Every digest stored, for `verify` and `gc`.
    ///
    /// # Errors
    /// When the disk or bucket fails.
    pub async fn list(&self) -> Result<Vec<Digest>, BlobError> {
        let directory = self.directory.clone();
        blocking(move || {
            let mut found = Vec::new();
            for outer in folders(&directory)? {
                for inner in folders(&outer)? {
                    for entry in fs::read_dir(inner)? {
                        // Whatever else lies there is not ours to judge.
                        let name = entry?.file_name();
                        found.extend(name.to_str().and_then(|name| name.parse::<Digest>().ok()));
                    }
                }
            }
            Ok(found)
        })
        .await
    }
}

impl Spool {
    /// Adds bytes.
    ///
    /// # Errors
    /// When the disk fails or is full.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), BlobError> {
        self.hasher.update(bytes);
        self.length += bytes.len() as u64;
        Ok(self.file.write_all(bytes).await?)
    }

    /// Bytes written so far.
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Whether nothing was written yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The digest of what was written so far.
    pub fn digest(&self) -> Digest {
        Digest::new(self.hasher.clone().finalize().into())
    }

    /// What was written so far, read back for decoding.
    ///
    /// # Errors
    /// When the disk fails.
    pub async fn read(&mut self) -> Result<Bytes, BlobError> {
        self.file.flush().await?;
        let mut file = self.file.try_clone().await?.into_std().await;
        let length = self.length;
        blocking(move || {
            let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
            file.seek(SeekFrom::Start(0))?;
            // The end of the file is where the next write belongs.
            file.read_to_end(&mut bytes)?;
            Ok(bytes.into())
        })
        .await
    }

    /// Makes it a blob: fsync, rename, fsync of the folders. Durable on return.
    ///
    /// Where the blob exists already it is put in its place again: the same bytes, and whole.
    ///
    /// # Errors
    /// When the disk fails.
    pub async fn keep(mut self) -> Result<Digest, BlobError> {
        self.file.flush().await?;
        self.file.sync_all().await?;
        let digest = self.digest();
        let (directory, temporary) = (self.directory.clone(), self.path.clone());
        blocking(move || {
            let path = path_of(&directory, &digest);
            let inner = path.parent().unwrap_or(&directory);
            let outer = inner.parent().unwrap_or(&directory);
            fs::create_dir_all(inner)?;
            fs::rename(temporary, &path)?;
            // The outer folders too, although they are rarely new: another upload may have made
            // them a moment ago and not be done yet.
            for folder in [inner, outer, &directory] {
                fs::File::open(folder)?.sync_all()?;
            }
            Ok(digest)
        })
        .await
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        // After `keep` there is nothing under this name; what cannot be removed is found at the
        // next start.
        let _ = fs::remove_file(&self.path);
    }
}

fn path_of(directory: &Path, digest: &Digest) -> PathBuf {
    let name = digest.to_string();
    directory.join(&name[0..2]).join(&name[2..4]).join(&name)
}

fn folders(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut folders = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_name() != INCOMING && entry.file_type()?.is_dir() {
            folders.push(entry.path());
        }
    }
    Ok(folders)
}

fn remove_abandoned(incoming: &Path) -> Result<(), BlobError> {
    fs::create_dir_all(incoming)?;
    for entry in fs::read_dir(incoming)? {
        let entry = entry?;
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

/// Runs file work where it may block.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BlobError> + Send + 'static,
) -> Result<T, BlobError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(io::Error::other(error).into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(directory: &Path) -> usize {
        fs::read_dir(directory).unwrap().count()
    }

    #[tokio::test]
    async fn what_is_kept_comes_back_under_its_digest() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::open_directory(folder.path()).await.unwrap();
        let mut spool = blobs.spool().await.unwrap();
        assert!(spool.is_empty());
        spool.write(b"one ").await.unwrap();
        assert_eq!(spool.read().await.unwrap(), "one ");
        spool.write(b"two").await.unwrap();
        assert_eq!(spool.read().await.unwrap(), "one two");
        assert_eq!(spool.len(), 7);
        let digest = spool.keep().await.unwrap();
        assert_eq!(digest.as_bytes(), Sha256::digest(b"one two").as_slice());
        assert_eq!(blobs.get(&digest).await.unwrap().unwrap(), "one two");
        assert_eq!(blobs.list().await.unwrap(), [digest]);
        assert_eq!(
            blobs.put(Bytes::from_static(b"one two")).await.unwrap(),
            digest
        );
        assert_eq!(blobs.list().await.unwrap(), [digest]);
        assert_eq!(blobs.get(&Digest::new([0; 32])).await.unwrap(), None);
        assert_eq!(files(&folder.path().join(INCOMING)), 0);
    }

    #[tokio::test]
    async fn an_upload_cut_short_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let incoming = folder.path().join(INCOMING);
        let blobs = Blobs::open_directory(folder.path()).await.unwrap();
        let mut spool = blobs.spool().await.unwrap();
        spool.write(b"half").await.unwrap();
        assert_eq!(files(&incoming), 1);
        drop(spool);
        assert_eq!(files(&incoming), 0);
        assert!(blobs.list().await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn only_old_leftovers_are_removed_at_open() {
        let folder = tempfile::tempdir().unwrap();
        let incoming = folder.path().join(INCOMING);
        fs::create_dir_all(&incoming).unwrap();
        fs::write(incoming.join("alive"), b"").unwrap();
        let old = fs::File::create(incoming.join("old")).unwrap();
        let yesterday = std::time::SystemTime::now() - 24 * ABANDONED_AFTER;
        old.set_modified(yesterday).unwrap();
        Blobs::open_directory(folder.path()).await.unwrap();
        assert!(incoming.join("alive").exists() && !incoming.join("old").exists());
    }

    #[tokio::test]
    async fn damaged_bytes_are_not_handed_out_and_heal_by_the_next_upload() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::open_directory(folder.path()).await.unwrap();
        let digest = blobs.put(Bytes::from_static(b"right")).await.unwrap();
        fs::write(path_of(folder.path(), &digest), b"wrong").unwrap();
        assert!(matches!(
            blobs.get(&digest).await,
            Err(BlobError::Damaged(damaged)) if damaged == digest
        ));
        blobs.put(Bytes::from_static(b"right")).await.unwrap();
        assert_eq!(blobs.get(&digest).await.unwrap().unwrap(), "right");
    }
}
