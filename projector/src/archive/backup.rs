//! Out of an installation into a folder.

use std::path::Path;

use futures::{StreamExt, TryStreamExt, stream};
use photolog_store::{Blobs, Position, Store};
use tokio::fs::{self, File};
use tokio::io::AsyncWriteExt;

use super::log_file::LogWriter;
use super::{ArchiveError, COPIES, FORMAT, Manifest, at, blobs_in, copy};

/// Events in one read.
const BATCH: u32 = 2_000;

/// Writes everything up to the present end of the log into `folder`. The service may run meanwhile.
///
/// # Errors
/// When something cannot be read or written, the chain of hashes is broken, or a blob is missing or
/// damaged. What was copied until then is there for the next try; the last manifest stays true.
pub async fn backup(store: &Store, blobs: &Blobs, folder: &Path) -> Result<Manifest, ArchiveError> {
    fs::create_dir_all(folder).await.map_err(at(folder))?;
    let copies = blobs_in(folder).await?;
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
    stream::iter(&log.named)
        .map(|digest| copy(blobs, &copies, *digest))
        .buffer_unordered(COPIES)
        .try_collect::<()>()
        .await?;

    let manifest = Manifest {
        format: FORMAT,
        position: log.tail.position,
        hash: log.tail.hash,
        blobs: log.named.len() as u64,
    };
    write(folder, &manifest).await?;
    Ok(manifest)
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

/// Puts the manifest in its place at once, after everything it speaks of.
async fn write(folder: &Path, manifest: &Manifest) -> Result<(), ArchiveError> {
    let path = folder.join("manifest.json");
    let temporary = folder.join("manifest.json.new");
    let text = serde_json::to_vec_pretty(manifest);
    let written = async {
        let mut file = File::create(&temporary).await?;
        file.write_all(&text?).await?;
        file.sync_all().await?;
        fs::rename(&temporary, &path).await?;
        File::open(folder).await?.sync_all().await
    };
    written.await.map_err(at(&path))
}
