//! Blobs as files. A blob appears by a rename, so nobody ever sees half of one.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use photolog_domain::Digest;

use super::spool::INCOMING;
use super::{StoredBlob, blocking, path_of};
use crate::BlobError;

/// A directory of blobs.
#[derive(Clone, Debug)]
pub(super) struct Directory(Arc<Path>);

impl Directory {
    pub(super) fn new(path: &Path) -> Self {
        Self(path.into())
    }

    fn file(&self, digest: &Digest) -> PathBuf {
        self.0.join(path_of(digest))
    }

    /// Takes a finished file: rename, fsync of the folders.
    pub(super) async fn take(&self, temporary: PathBuf, digest: &Digest) -> Result<(), BlobError> {
        let (directory, path) = (self.0.clone(), self.file(digest));
        blocking(move || {
            let inner = path.parent().unwrap_or(&directory);
            let outer = inner.parent().unwrap_or(&directory);
            fs::create_dir_all(inner)?;
            fs::rename(temporary, &path)?;
            // The outer folders too, although they are rarely new: another upload may have made
            // them a moment ago and not be done yet.
            for folder in [inner, outer, &directory] {
                fs::File::open(folder)?.sync_all()?;
            }
            Ok(())
        })
        .await
    }

    pub(super) async fn get(&self, digest: &Digest) -> Result<Option<Bytes>, BlobError> {
        let path = self.file(digest);
        blocking(move || Ok(if_there(fs::read(path))?.map(Bytes::from))).await
    }

    pub(super) async fn find(&self, digest: &Digest) -> Result<Option<StoredBlob>, BlobError> {
        let (path, digest) = (self.file(digest), *digest);
        blocking(move || {
            if_there(fs::metadata(path))?
                .map(|file| described(digest, &file))
                .transpose()
        })
        .await
    }

    /// One folder of the second level at a time.
    pub(super) fn list(&self) -> BoxStream<'static, Result<StoredBlob, BlobError>> {
        let directory = self.0.clone();
        stream::once(blocking(move || folders(&directory)))
            .map_ok(|outers| stream::iter(outers).map(Ok))
            .try_flatten()
            .and_then(|outer| blocking(move || blobs_below(&outer)))
            .map_ok(|blobs| stream::iter(blobs).map(Ok))
            .try_flatten()
            .boxed()
    }

    pub(super) async fn delete(&self, digest: &Digest) -> Result<(), BlobError> {
        let path = self.file(digest);
        blocking(move || {
            if_there(fs::remove_file(path))?;
            Ok(())
        })
        .await
    }
}

fn blobs_below(outer: &Path) -> Result<Vec<StoredBlob>, BlobError> {
    let mut found = Vec::new();
    for inner in folders(outer)? {
        for entry in fs::read_dir(inner)? {
            let entry = entry?;
            let name = entry.file_name();
            let Some(digest) = name.to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            // It may have been removed since the folder was read.
            if let Some(file) = if_there(entry.metadata())? {
                found.push(described(digest, &file)?);
            }
        }
    }
    Ok(found)
}

fn described(digest: Digest, file: &fs::Metadata) -> Result<StoredBlob, BlobError> {
    Ok(StoredBlob {
        digest,
        stored_at: file.modified()?,
        size_bytes: file.len(),
    })
}

fn folders(directory: &Path) -> Result<Vec<PathBuf>, BlobError> {
    let mut folders = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_name() != INCOMING && entry.file_type()?.is_dir() {
            folders.push(entry.path());
        }
    }
    Ok(folders)
}

fn if_there<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
