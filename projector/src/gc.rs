//! `photolog gc`: finds and removes blobs that no event names.
//!
//! An upload writes its blobs before the event that names them. If it is interrupted in between, it
//! leaves garbage. An upload that is merely slow must not lose its blobs, so only blobs older than a
//! grace period are collected. An upload of the same bytes makes a blob recent again.
//!
//! That upload may come at any moment, even between a check and a removal. So garbage is first moved
//! to quarantine, where it can still be read. Then the log is read again, and blobs that it names by
//! then are moved back. An upload whose event comes later finds its blob missing and stores it again
//! ([`photolog_store::Kept::confirm`]).

use std::time::{Duration, SystemTime};

use futures::TryStreamExt;
use photolog_domain::ContentHash;
use photolog_store::{BlobError, Blobs, Position, Store, StoreError};
use tokio::time::sleep;

use crate::named_blobs::NamedBlobs;

/// Events per read.
const BATCH: u32 = 5_000;

/// Minimum time of blobs in quarantine: an upload that is interrupted between its event and its check
/// of the blob has appended the event by then.
pub const QUARANTINE: Duration = Duration::from_secs(10);

/// How long to wait until events have their positions in the log.
const SEQUENCING: Duration = Duration::from_secs(60);

/// The result of a collection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// Number of blobs examined.
    pub blobs: u64,
    /// Those that no event names, but that are too recent to collect.
    pub young: u64,
    /// Those that no event names, and that are older than the grace period.
    pub garbage: Vec<ContentHash>,
    /// Their total size.
    pub garbage_bytes: u64,
}

/// Why garbage could not be collected.
#[derive(Debug, thiserror::Error)]
pub enum GcError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No process gives events their positions in the log, so the blobs that they name are unknown.
    #[error(
        "events have been waiting for their place in the log for a minute: start `photolog projector`"
    )]
    Unsequenced,
    /// Only a newer program can decide which blobs are named.
    #[error(
        "the event at position {0} of the log was written by a newer version of Photolog and may name \
         any picture: run `photolog gc` of that version"
    )]
    NewerEvent(Position),
    /// The blob store failed.
    #[error(transparent)]
    Blob(#[from] BlobError),
}

/// Every blob named in the log as read so far.
#[derive(Default)]
struct Named {
    blobs: NamedBlobs,
    position: Position,
}

impl Named {
    /// Reads the log to its end.
    async fn catch_up(&mut self, store: &Store) -> Result<(), GcError> {
        loop {
            let events = store.archived_events(self.position, BATCH).await?;
            let Some(last) = events.last() else {
                return match self.blobs.first_newer {
                    Some(position) => Err(GcError::NewerEvent(position)),
                    None => Ok(()),
                };
            };
            self.position = last.position;
            for event in &events {
                self.blobs.take(event)?;
            }
        }
    }

    fn has(&self, digest: &ContentHash) -> bool {
        self.blobs.digests.contains(digest)
    }
}

/// The parameters of a collection.
#[derive(Clone, Copy, Debug)]
pub struct Collection {
    /// Younger blobs are left alone.
    pub grace: Duration,
    /// How long garbage stays in quarantine, normally [`QUARANTINE`].
    pub quarantine: Duration,
    /// Only report.
    pub dry_run: bool,
}

/// Finds and removes garbage. The service may run meanwhile.
///
/// # Errors
/// When another process is collecting, the log has an event known only to a newer program, or the
/// database or the blob store fails. Blobs removed until then are gone; the next collection decides
/// about those in quarantine.
pub async fn collect_garbage(
    store: &Store,
    blobs: &Blobs,
    collection: Collection,
) -> Result<Collected, GcError> {
    let _lock = store.begin_collection().await?;
    let mut named = Named::default();
    named.catch_up(store).await?;

    let young_since = SystemTime::now()
        .checked_sub(collection.grace)
        .unwrap_or(SystemTime::UNIX_EPOCH);
    let mut collected = Collected::default();
    // Left over from an interrupted collection.
    let mut garbage = blobs.quarantined().await?;
    let mut listing = blobs.list();
    while let Some(blob) = listing.try_next().await? {
        collected.blobs += 1;
        if named.has(&blob.digest) {
            continue;
        }
        if blob.stored_at >= young_since {
            collected.young += 1;
        } else {
            garbage.push(blob);
        }
    }
    if !collection.dry_run && !garbage.is_empty() {
        for blob in &garbage {
            blobs.quarantine(&blob.digest).await?;
        }
        sleep(collection.quarantine).await;
        if !store.wait_until_sequenced(SEQUENCING).await? {
            return Err(GcError::Unsequenced);
        }
    }
    named.catch_up(store).await?;
    for blob in garbage {
        let is_named = named.has(&blob.digest);
        match (is_named, collection.dry_run) {
            (true, true) => continue,
            (true, false) => {
                blobs.release(&blob.digest).await?;
                continue;
            }
            (false, true) => {}
            (false, false) => blobs.purge(&blob.digest).await?,
        }
        collected.garbage.push(blob.digest);
        collected.garbage_bytes += blob.size_bytes;
    }
    Ok(collected)
}
