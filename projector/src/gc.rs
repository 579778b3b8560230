//! `photolog gc`: finds and removes blobs that no event names.
//!
//! An upload writes its blobs before the event that names them. Cut off in between, it leaves
//! garbage; an upload that is merely slow must not lose its blobs, so only what is older than a
//! grace period counts. An upload of the same bytes makes a blob young again.

use std::collections::HashSet;
use std::time::{Duration, SystemTime};

use futures::TryStreamExt;
use photolog_domain::Digest;
use photolog_store::{BlobError, Blobs, Position, Store, StoreError};

use crate::named_blobs;

/// Events in one read.
const BATCH: u32 = 5_000;

/// What was found, and removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// Blobs looked at.
    pub blobs: u64,
    /// Those that no event names, and that are too young to judge.
    pub young: u64,
    /// Those that no event names, and that are older than the grace period.
    pub garbage: Vec<Digest>,
    /// How much they take.
    pub garbage_bytes: u64,
}

/// Why garbage could not be collected.
#[derive(Debug, thiserror::Error)]
pub enum GcError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Nobody gives events their place in the log, so nobody knows what they name.
    #[error("events wait for their place in the log: is a projector running?")]
    Unsealed,
    /// The blob store failed.
    #[error(transparent)]
    Blob(#[from] BlobError),
}

/// Every blob that the log names, as far as it was read.
#[derive(Default)]
struct Named {
    digests: HashSet<Digest>,
    position: Position,
}

impl Named {
    /// Reads the log to its end.
    async fn catch_up(&mut self, store: &Store) -> Result<(), StoreError> {
        loop {
            let events = store.archived_events(self.position, BATCH).await?;
            let Some(last) = events.last() else {
                return Ok(());
            };
            self.position = last.position;
            for event in &events {
                self.digests
                    .extend(named_blobs::of_archived(event)?.into_iter().flatten());
            }
        }
    }
}

/// Finds garbage older than `grace`, and removes it unless this is a `dry_run`. The service may run
/// meanwhile.
///
/// # Errors
/// When the database or the blob store fails; what was removed until then is gone.
pub async fn collect_garbage(
    store: &Store,
    blobs: &Blobs,
    grace: Duration,
    dry_run: bool,
) -> Result<Collected, GcError> {
    let young_since = SystemTime::now()
        .checked_sub(grace)
        .unwrap_or(SystemTime::UNIX_EPOCH);
    let mut named = Named::default();
    named.catch_up(store).await?;

    let mut collected = Collected::default();
    let mut candidates = Vec::new();
    let mut listing = blobs.list();
    while let Some(blob) = listing.try_next().await? {
        collected.blobs += 1;
        if named.digests.contains(&blob.digest) {
            continue;
        }
        if blob.stored_at >= young_since {
            collected.young += 1;
        } else {
            candidates.push(blob.digest);
        }
    }

    // An event that waits for its place in the log may name any blob.
    if !store.log_is_complete().await? {
        return Err(GcError::Unsealed);
    }
    // An event may have come meanwhile, or an upload that made the blob young.
    named.catch_up(store).await?;
    for digest in candidates {
        let Some(blob) = blobs.find(&digest).await? else {
            continue;
        };
        if named.digests.contains(&digest) || blob.stored_at >= young_since {
            continue;
        }
        if !dry_run {
            blobs.delete(&digest).await?;
        }
        collected.garbage.push(digest);
        collected.garbage_bytes += blob.size_bytes;
    }
    Ok(collected)
}
