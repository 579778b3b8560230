//! Blobs as files. A blob appears by a rename, so no reader ever sees a partial one.

use std::fs::{self, File};
use std::io::{self, Read};
use std::mem;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use photolog_domain::ContentHash;
use rustix::fs::{
    Access, AtFlags, CWD, Mode, OFlags, access, fsync, mkdirat, openat, renameat, unlinkat,
};
use rustix::io::Errno;
use rustix::path::Arg;

use super::spool::INCOMING;
use super::{At, QUARANTINE, StoredBlob, blocking, path_of};
use crate::BlobError;

/// A directory of blobs.
#[derive(Clone, Debug)]
pub(super) struct Directory(Arc<Path>);

impl Directory {
    pub(super) fn new(path: &Path) -> Self {
        Self(path.into())
    }

    pub(super) fn is_there(&self) -> bool {
        self.0.is_dir()
    }

    /// Whether blobs can be stored here.
    pub(super) async fn check(&self) -> Result<(), BlobError> {
        let directory = self.0.clone();
        blocking(move || {
            let takes_files = Access::WRITE_OK | Access::EXEC_OK;
            for folder in [directory.to_path_buf(), directory.join(INCOMING)] {
                access(&folder, takes_files).map_err(|error| {
                    let folder = folder.display();
                    let error = io::Error::from(error);
                    io::Error::new(error.kind(), format!("{folder} takes no files: {error}"))
                })?;
            }
            Ok(())
        })
        .await
    }

    /// Moves a finished file into place: fsync, rename, fsync of the folders.
    pub(super) async fn take(
        &self,
        file: Arc<File>,
        temporary: PathBuf,
        digest: &ContentHash,
    ) -> Result<(), BlobError> {
        let (directory, digest) = (self.0.clone(), *digest);
        blocking(move || {
            file.sync_all()?;
            let place = Place::make(&directory, &digest, At::Place)?;
            renameat(CWD, &temporary, &place.inner, &place.name)?;
            Ok(place.sync()?)
        })
        .await
    }

    pub(super) async fn get(
        &self,
        digest: &ContentHash,
        at: At,
    ) -> Result<Option<Bytes>, BlobError> {
        let (directory, digest) = (self.0.clone(), *digest);
        blocking(move || {
            let Some(mut file) = open(&directory, &digest, at)? else {
                return Ok(None);
            };
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            Ok(Some(bytes.into()))
        })
        .await
    }

    pub(super) async fn find(&self, digest: &ContentHash) -> Result<Option<StoredBlob>, BlobError> {
        let (directory, digest) = (self.0.clone(), *digest);
        blocking(move || match open(&directory, &digest, At::Place) {
            Ok(None) | Err(BlobError::Damaged(_)) => Ok(None),
            Ok(Some(file)) => Ok(Some(described(digest, &file.metadata()?)?)),
            Err(error) => Err(error),
        })
        .await
    }

    /// Lists one folder of the second level at a time.
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

    pub(super) async fn move_between(
        &self,
        digest: &ContentHash,
        from: At,
        to: At,
    ) -> Result<(), BlobError> {
        let (directory, digest) = (self.0.clone(), *digest);
        blocking(move || {
            if let Some(from) = Place::find(&directory, &digest, from)? {
                let to = Place::make(&directory, &digest, to)?;
                if_there(renameat(&from.inner, &from.name, &to.inner, &to.name))?;
                to.sync()?;
            }
            Ok(())
        })
        .await
    }

    pub(super) async fn quarantined(&self) -> Result<Vec<StoredBlob>, BlobError> {
        let quarantine = self.0.join(QUARANTINE);
        blocking(move || {
            let blobs = if_there(fs::symlink_metadata(&quarantine))?
                .filter(fs::Metadata::is_dir)
                .map(|_| blobs_in(&quarantine));
            blobs.unwrap_or_else(|| Ok(Vec::new()))
        })
        .await
    }

    pub(super) async fn purge(&self, digest: &ContentHash) -> Result<(), BlobError> {
        let (directory, digest) = (self.0.clone(), *digest);
        blocking(move || {
            if let Some(place) = Place::find(&directory, &digest, At::Quarantine)? {
                if_there(unlinkat(&place.inner, &place.name, AtFlags::empty()))?;
            }
            Ok(())
        })
        .await
    }
}

/// The location of a blob. Folders are opened one by one, so that no symlink below the directory
/// leads elsewhere.
struct Place {
    /// The folders above it, beginning with the directory itself.
    outer: Vec<OwnedFd>,
    inner: OwnedFd,
    name: String,
}

impl Place {
    /// `None` when a folder is missing or is a symlink.
    fn find(directory: &Path, digest: &ContentHash, at: At) -> Result<Option<Self>, BlobError> {
        match Self::open(directory, digest, at, |_, _| Ok(())) {
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(None),
            place => Ok(Some(place?)),
        }
    }

    /// Creates the missing folders.
    fn make(directory: &Path, digest: &ContentHash, at: At) -> Result<Self, BlobError> {
        Ok(Self::open(directory, digest, at, make_folder)?)
    }

    fn open(
        directory: &Path,
        digest: &ContentHash,
        at: At,
        before: impl Fn(&OwnedFd, &str) -> Result<(), Errno>,
    ) -> Result<Self, Errno> {
        let path = path_of(digest, at);
        let mut names: Vec<_> = path.split('/').collect();
        let name = names.pop().unwrap_or_default().to_owned();
        let (mut outer, mut inner) = (Vec::new(), folder(CWD, directory, OFlags::empty())?);
        for name in names {
            before(&inner, name)?;
            let next = folder(&inner, name, OFlags::NOFOLLOW)?;
            outer.push(mem::replace(&mut inner, next));
        }
        Ok(Self { outer, inner, name })
    }

    /// Makes the change durable. Outer folders are synced too, although they are rarely new: another
    /// upload may have just created them and not have synced them yet.
    fn sync(&self) -> Result<(), Errno> {
        fsync(&self.inner)?;
        self.outer.iter().rev().try_for_each(fsync)
    }
}

fn folder(parent: impl AsFd, name: impl Arg, flags: OFlags) -> Result<OwnedFd, Errno> {
    let flags = flags | OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    openat(parent, name, flags, Mode::empty())
}

fn make_folder(parent: &OwnedFd, name: &str) -> Result<(), Errno> {
    match mkdirat(parent, name, Mode::RWXU) {
        Err(Errno::EXIST) => Ok(()),
        made => made,
    }
}

/// Opens the file of a blob. Anything but a regular file, such as a pipe, is damage; it never blocks.
fn open(directory: &Path, digest: &ContentHash, at: At) -> Result<Option<File>, BlobError> {
    let Some(place) = Place::find(directory, digest, at)? else {
        return Ok(None);
    };
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match openat(&place.inner, &place.name, flags, Mode::empty()) {
        Err(Errno::NOENT) => return Ok(None),
        // A symlink, a socket, or a device without a driver.
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
        found.extend(blobs_in(&inner)?);
    }
    Ok(found)
}

fn blobs_in(folder: &Path) -> Result<Vec<StoredBlob>, BlobError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(digest) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // The file may have been removed since the folder was read.
        if let Some(file) = if_there(entry.metadata())?
            && file.is_file()
        {
            found.push(described(digest, &file)?);
        }
    }
    Ok(found)
}

fn described(digest: ContentHash, file: &fs::Metadata) -> Result<StoredBlob, BlobError> {
    Ok(StoredBlob {
        digest,
        stored_at: file.modified()?,
        size_bytes: file.len(),
    })
}

fn folders(directory: &Path) -> Result<Vec<PathBuf>, BlobError> {
    let mut folders = Vec::new();
    let Some(entries) = if_there(fs::read_dir(directory))? else {
        return Ok(folders);
    };
    for entry in entries {
        let entry = entry?;
        let is_ours = [INCOMING, QUARANTINE]
            .iter()
            .all(|other| entry.file_name() != *other);
        if is_ours && entry.file_type()?.is_dir() {
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
