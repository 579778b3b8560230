//! Blobs as files. A blob appears by a rename, so nobody ever sees half of one.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use photolog_domain::Digest;
use rustix::fs::{AtFlags, CWD, Mode, OFlags, fsync, mkdirat, openat, renameat, unlinkat};
use rustix::io::Errno;
use rustix::path::Arg;

use super::spool::INCOMING;
use super::{StoredBlob, blocking};
use crate::BlobError;

/// A directory of blobs.
#[derive(Clone, Debug)]
pub(super) struct Directory(Arc<Path>);

impl Directory {
    pub(super) fn new(path: &Path) -> Self {
        Self(path.into())
    }

    /// Takes a finished file from where it lies: fsync, rename, fsync of the folders.
    pub(super) async fn take(
        &self,
        file: Arc<File>,
        temporary: PathBuf,
        digest: &Digest,
    ) -> Result<(), BlobError> {
        let (directory, digest) = (self.0.clone(), *digest);
        blocking(move || {
            file.sync_all()?;
            let place = Place::make(&directory, &digest)?;
            renameat(CWD, &temporary, &place.inner, &place.name)?;
            // The outer folders too, although they are rarely new: another upload may have made
            // them a moment ago and not be done yet.
            for folder in [&place.inner, &place.outer, &place.root] {
                fsync(folder)?;
            }
            Ok(())
        })
        .await
    }

    pub(super) async fn get(&self, digest: &Digest) -> Result<Option<Bytes>, BlobError> {
        let (directory, digest) = (self.0.clone(), *digest);
        blocking(move || {
            let Some(mut file) = open(&directory, &digest)? else {
                return Ok(None);
            };
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            Ok(Some(bytes.into()))
        })
        .await
    }

    pub(super) async fn find(&self, digest: &Digest) -> Result<Option<StoredBlob>, BlobError> {
        let (directory, digest) = (self.0.clone(), *digest);
        blocking(move || match open(&directory, &digest) {
            Ok(None) | Err(BlobError::Damaged(_)) => Ok(None),
            Ok(Some(file)) => Ok(Some(described(digest, &file.metadata()?)?)),
            Err(error) => Err(error),
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
        let (directory, digest) = (self.0.clone(), *digest);
        blocking(move || {
            if let Some(place) = Place::find(&directory, &digest)? {
                if_there(unlinkat(&place.inner, &place.name, AtFlags::empty()))?;
            }
            Ok(())
        })
        .await
    }
}

/// Where a blob is. Folders are opened one by one, so that no link below the directory leads
/// elsewhere.
struct Place {
    root: OwnedFd,
    outer: OwnedFd,
    inner: OwnedFd,
    name: String,
}

impl Place {
    /// `None` where there is no such folder, or a link instead of one.
    fn find(directory: &Path, digest: &Digest) -> Result<Option<Self>, BlobError> {
        match Self::open(directory, digest) {
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(None),
            place => Ok(Some(place?)),
        }
    }

    /// Makes the folders that are missing.
    fn make(directory: &Path, digest: &Digest) -> Result<Self, BlobError> {
        let name = digest.to_string();
        let root = folder(CWD, directory, OFlags::empty())?;
        make_folder(&root, &name[0..2])?;
        let outer = folder(&root, &name[0..2], OFlags::NOFOLLOW)?;
        make_folder(&outer, &name[2..4])?;
        Ok(Self::open(directory, digest)?)
    }

    fn open(directory: &Path, digest: &Digest) -> Result<Self, Errno> {
        let name = digest.to_string();
        let root = folder(CWD, directory, OFlags::empty())?;
        let outer = folder(&root, &name[0..2], OFlags::NOFOLLOW)?;
        let inner = folder(&outer, &name[2..4], OFlags::NOFOLLOW)?;
        Ok(Self {
            root,
            outer,
            inner,
            name,
        })
    }
}

fn folder(parent: impl AsFd, name: impl Arg, flags: OFlags) -> Result<OwnedFd, Errno> {
    let flags = flags | OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    openat(parent, name, flags, Mode::empty())
}

fn make_folder(parent: impl AsFd, name: &str) -> Result<(), Errno> {
    match mkdirat(parent, name, Mode::RWXU) {
        Err(Errno::EXIST) => Ok(()),
        made => made,
    }
}

/// The file of a blob. Anything but a regular file, such as a pipe, is damage, and is not waited for.
fn open(directory: &Path, digest: &Digest) -> Result<Option<File>, BlobError> {
    let Some(place) = Place::find(directory, digest)? else {
        return Ok(None);
    };
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match openat(&place.inner, &place.name, flags, Mode::empty()) {
        Err(Errno::NOENT) => return Ok(None),
        // A link; a socket; a device without a driver.
        Err(Errno::LOOP | Errno::NXIO | Errno::NODEV) => return Err(BlobError::Damaged(*digest)),
        file => File::from(file?),
    };
    if file.metadata()?.is_file() {
        Ok(Some(file))
    } else {
        Err(BlobError::Damaged(*digest))
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
            if let Some(file) = if_there(entry.metadata())?
                && file.is_file()
            {
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

fn if_there<T>(result: Result<T, impl Into<io::Error>>) -> io::Result<Option<T>> {
    match result.map_err(Into::into) {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
