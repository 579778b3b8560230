//! Backup of an installation into a folder.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use photolog_store::{BlobConfig, Blobs, Position, Store, private};
use serde::Serialize;

use super::log_file::LogWriter;
use super::{ArchiveError, FORMAT, Manifest, SECRETS, at, copy_missing, on_disk, with_unknown};

/// The contents of a backup folder.
const OURS: &[&str] = &["blobs", "log.ndjson", "manifest.json", SECRETS];

/// Events per read.
const BATCH: u32 = 2_000;

/// How long to wait for events that have no position in the log yet.
const SEQUENCING: Duration = Duration::from_secs(10);

/// A finished backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backup {
    /// Its manifest.
    pub manifest: Manifest,
    /// The names of the secrets in it that the master key does not open.
    pub unopened: Vec<String>,
    /// Whether it lacks committed events, because no projector gave them their positions in the log.
    pub lacks_events: bool,
}

/// Writes everything up to the current end of the log into `folder`, with or without the wrapped
/// secrets. The service may run meanwhile.
///
/// # Errors
/// When something cannot be read or written, the hash chain is broken, or a blob is missing or
/// damaged. Everything copied so far is kept for the next attempt; the previous manifest stays valid.
pub async fn backup(
    store: &Store,
    blobs: &Blobs,
    folder: &Path,
    secrets: bool,
) -> Result<Backup, ArchiveError> {
    let made = folder.to_owned();
    on_disk(move || private::make_folder(&made).and_then(|()| private::close_folder(&made, OURS)))
        .await
        .map_err(at(folder))?;
    let path = folder.join("blobs");
    private::refuse_link(&path).map_err(at(&path))?;
    let copies = Blobs::open(&BlobConfig::Directory { path }).await?;
    let lacks_events = !store.wait_until_sequenced(SEQUENCING).await?;
    let head = store.log_head().await?;
    let mut log = LogWriter::open(folder).await?;
    check_beginning(store, &log, head, folder).await?;
    while log.tail.position < head {
        let events = store.archived_events(log.tail.position, BATCH).await?;
        for event in events.iter().take_while(|event| event.position <= head) {
            log.append(event).await?;
        }
    }
    log.sync().await?;

    // Blobs exist before the event that names them, and are kept.
    let named = with_unknown(log.named, blobs).await?;
    copy_missing(blobs, &copies, &named).await?;

    // After the log, so that every key in it has its verifiers here, unless it was revoked since.
    let secrets = match secrets {
        true => Some(store.wrapped_secrets().await?),
        false => None,
    };
    keep(folder.join(SECRETS), secrets.as_ref()).await?;
    let manifest = Manifest {
        format: FORMAT,
        position: log.tail.position,
        hash: log.tail.hash,
        blobs: named.len() as u64,
    };
    keep(folder.join("manifest.json"), Some(&manifest)).await?;
    Ok(Backup {
        manifest,
        unopened: secrets.map_or_else(Vec::new, |secrets| store.unopened_secrets(&secrets)),
        lacks_events,
    })
}

/// Checks that the folder's log is a prefix of our log.
async fn check_beginning(
    store: &Store,
    log: &LogWriter,
    head: Position,
    folder: &Path,
) -> Result<(), ArchiveError> {
    let last = log.tail.position;
    let ours = match last {
        0 => return Ok(()),
        _ if last > head => None,
        _ => store.archived_events(last - 1, 1).await?.pop(),
    };
    if ours.is_some_and(|event| event.hash == log.tail.hash) {
        Ok(())
    } else {
        Err(ArchiveError::AnotherLog(folder.to_owned()))
    }
}

/// Replaces a file atomically, or removes what an earlier run left there.
async fn keep<T: Serialize>(path: PathBuf, content: Option<&T>) -> Result<(), ArchiveError> {
    let text = content.map(serde_json::to_vec_pretty).transpose();
    let text = text.map_err(io::Error::from).map_err(at(&path))?;
    let place = path.clone();
    on_disk(move || match text {
        Some(text) => private::replace(&place, &text),
        None => private::remove_if_there(&place),
    })
    .await
    .map_err(at(&path))
}
