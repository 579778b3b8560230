//! `photolog backup` and `photolog restore`: everything that is true, in a folder that any database
//! and any blob store can be filled from.
//!
//! | in the folder | what it is |
//! | --- | --- |
//! | `log.ndjson` | the log, an event a line: its place, its hash, and the texts that the hash covers |
//! | `blobs/` | every blob that an event names, as a directory of blobs; all when a newer program's event may name any |
//! | `secrets.json` | the wrapped secrets as they are now, worth nothing without the master key; rewritten as a whole |
//! | `manifest.json` | up to which place and hash the two are complete; written last |
//!
//! Everything else, lists and claims included, follows from the log. A backup into the same
//! folder goes on where the last one ended, or was cut off.

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

/// The shape of the folder; another one gets another number.
const FORMAT: u32 = 1;

/// The file of the secrets.
const SECRETS: &str = "secrets.json";

/// Blobs copied at once.
const COPIES: usize = 4;

/// What a backup holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    format: u32,
    /// The last place of the log that is in it.
    pub position: Position,
    /// The hash of the log up to there.
    #[serde(with = "hex")]
    pub hash: Hash,
    /// Blobs that its events name.
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
    #[error("the backup has format {0}, this program knows {FORMAT}")]
    NewerFormat(u32),
    /// The folder's log is not the beginning of this database's log.
    #[error("{0} holds a backup of another log")]
    AnotherLog(PathBuf),
    /// A line of the log is damaged.
    #[error("{path}, line {line}: {problem}")]
    Line {
        /// The file.
        path: PathBuf,
        /// Which line, from 1.
        line: Position,
        /// What is wrong with it.
        problem: String,
    },
    /// An event names a blob that is not there.
    #[error("blob {0} is missing")]
    BlobMissing(ContentHash),
}

/// Names the file in what went wrong with it.
fn at(path: &Path) -> impl Fn(io::Error) -> ArchiveError {
    move |error| ArchiveError::File(path.to_owned(), error)
}

/// Reads a small file of the folder, if it is there.
async fn read_if_there(path: PathBuf) -> Result<Option<Vec<u8>>, ArchiveError> {
    let file = path.clone();
    match on_disk(move || private::read(&file)).await {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(at(&path)(error)),
    }
}

/// Runs file work where it may block.
async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(io::Error::other(error)))
}

/// The blobs to copy: those that events name, and all there are when a newer program's event may name any.
async fn with_unknown(named: NamedBlobs, from: &Blobs) -> Result<BTreeSet<ContentHash>, BlobError> {
    let mut digests = named.digests;
    if named.first_newer.is_some() {
        digests.extend(lengths(from).await?.into_keys());
    }
    Ok(digests)
}

/// Copies the blobs that are not there yet, or have another length than ours; each digest is checked
/// on the way.
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

/// By a listing: one question for each blob would take a bucket hours.
async fn lengths(blobs: &Blobs) -> Result<BTreeMap<ContentHash, u64>, BlobError> {
    let listed = blobs.list();
    listed
        .map_ok(|blob| (blob.digest, blob.size_bytes))
        .try_collect()
        .await
}
