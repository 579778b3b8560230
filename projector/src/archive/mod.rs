//! `photolog backup` and `photolog restore`: all primary data, in a folder from which any database and
//! any blob store can be filled.
//!
//! | in the folder | what it is |
//! | --- | --- |
//! | `log.ndjson` | the log, one event per line: its position, its hash, and the texts that the hash covers |
//! | `blobs/` | every blob that an event names, as a directory of blobs; all when a newer program's event may name any |
//! | `secrets.json` | the current wrapped secrets, useless without the master key; rewritten as a whole |
//! | `manifest.json` | the position and hash up to which log and blobs are complete; written last |
//!
//! Everything else, including lists and claims, is derived from the log. A backup into the same folder
//! continues where the last one ended or was interrupted.

mod backup;
mod log_file;
mod reader;
mod restore;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use futures::{StreamExt, TryStreamExt, stream};
use photolog_domain::ContentHash;
use photolog_store::chain::Hash;
use photolog_store::{BlobError, Blobs, LogTail, Position, StoreError, private};
use serde::{Deserialize, Serialize};

use crate::named_blobs::NamedBlobs;

pub use backup::{Backup, backup};
pub(crate) use reader::BackupReader;
pub use restore::{Restored, RestoredSecrets, restore};

/// The format of the folder; a different format gets a different number.
const FORMAT: u32 = 1;

/// The file of the secrets.
const SECRETS: &str = "secrets.json";

/// Number of blobs copied concurrently.
const COPIES: usize = 4;

/// The contents of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    format: u32,
    /// The last log position in it.
    pub position: Position,
    /// The hash of the log at that position.
    #[serde(with = "hex")]
    pub hash: Hash,
    /// The number of blobs that its events name.
    pub blobs: u64,
}

impl Manifest {
    pub(crate) fn tail(&self) -> LogTail {
        LogTail {
            position: self.position,
            hash: self.hash,
        }
    }
}

/// Why a backup could not be made or read.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The database failed, or is not empty.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A blob could not be read or written.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// A file could not be read or written.
    #[error("{0} cannot be used")]
    File(PathBuf, #[source] io::Error),
    /// There is no finished backup here.
    #[error("{0} holds no finished backup")]
    NoBackup(PathBuf),
    /// It was made by a newer program.
    #[error("the backup has format {0}, but this program reads format {FORMAT}")]
    NewerFormat(u32),
    /// The folder's log is not the beginning of this database's log.
    #[error("{0} holds a backup of another log")]
    AnotherLog(PathBuf),
    /// A line of the log is damaged.
    #[error("{path}, line {line}: {problem}")]
    Line {
        /// The file.
        path: PathBuf,
        /// The line number, from 1.
        line: Position,
        /// What is wrong with it.
        problem: String,
    },
    /// An event names a blob that does not exist.
    #[error("blob {0} is missing")]
    BlobMissing(ContentHash),
}

/// Adds the file's path to an error.
fn at(path: &Path) -> impl Fn(io::Error) -> ArchiveError {
    move |error| ArchiveError::File(path.to_owned(), error)
}

/// Reads a small file of the folder, if it exists.
async fn read_if_there(path: PathBuf) -> Result<Option<Vec<u8>>, ArchiveError> {
    let file = path.clone();
    match on_disk(move || private::read(&file)).await {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(at(&path)(error)),
    }
}

/// Runs file work on a thread where it may block.
async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(io::Error::other(error)))
}

/// The blobs to copy: those that events name, or all of them if a newer program's event may name
/// any.
async fn with_unknown(named: NamedBlobs, from: &Blobs) -> Result<BTreeSet<ContentHash>, BlobError> {
    let mut digests = named.digests;
    if named.first_newer.is_some() {
        digests.extend(lengths(from).await?.into_keys());
    }
    Ok(digests)
}

/// Copies the blobs that are missing or have a different length; each digest is checked in the
/// process.
async fn copy_missing(
    from: &Blobs,
    to: &Blobs,
    named: &BTreeSet<ContentHash>,
) -> Result<(), ArchiveError> {
    let (ours, theirs) = (lengths(from).await?, lengths(to).await?);
    let is_whole = |digest: &&ContentHash| match (ours.get(digest), theirs.get(digest)) {
        (Some(ours), Some(theirs)) => ours == theirs,
        (None, Some(_)) => true,
        (_, None) => false,
    };
    stream::iter(named.iter().filter(|digest| !is_whole(digest)))
        .map(|digest| copy(from, to, *digest))
        .buffer_unordered(COPIES)
        .try_collect()
        .await
}

async fn copy(from: &Blobs, to: &Blobs, digest: ContentHash) -> Result<(), ArchiveError> {
    let bytes = from.get(&digest).await?;
    to.put(bytes.ok_or(ArchiveError::BlobMissing(digest))?)
        .await?;
    Ok(())
}

/// Uses a listing: one request per blob would take hours with a bucket.
async fn lengths(blobs: &Blobs) -> Result<BTreeMap<ContentHash, u64>, BlobError> {
    let listed = blobs.list();
    listed
        .map_ok(|blob| (blob.digest, blob.size_bytes))
        .try_collect()
        .await
}
