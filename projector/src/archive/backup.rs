//! Out of an installation into a folder.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use photolog_store::{BlobConfig, Blobs, Position, Store, private};
use serde::Serialize;

use super::log_file::LogWriter;
use super::{ArchiveError, FORMAT, Manifest, SECRETS, at, copy_missing, on_disk, with_unknown};

/// What a backup consists of.
const OURS: &[&str] = &["blobs", "log.ndjson", "manifest.json", SECRETS];

/// Events in one read.
const BATCH: u32 = 2_000;

/// How long to wait for the events that have no place in the log yet.
const SEQUENCING: Duration = Duration::from_secs(10);

/// A backup that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backup {
    /// What it holds.
    pub manifest: Manifest,
    /// Secrets in it that the master key does not open, by their names.
    pub unopened: Vec<String>,
    /// Whether it lacks events that were taken, because no projector gave them their place in the log.
    pub lacks_events: bool,
}

/// Writes everything up to the present end of the log into `folder`, with or without the wrapped
/// secrets. The service may run meanwhile.
///
/// # Errors
/// When something cannot be read or written, the chain of hashes is broken, or a blob is missing or
/// damaged. What was copied until then is there for the next try; the last manifest stays true.
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

    // Blobs are there before the event that names them, and stay.
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

/// Whether what the folder holds is the beginning of our log.
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

/// Puts a file in its place at once, or takes away what an earlier run has left there.
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
