//! `photolog verify`: checks that everything derived from the log agrees with it, and that the log is
//! unaltered.
//!
//! | file | what it checks |
//! | --- | --- |
//! | `log` | folds every event, in order |
//! | `chain` | positions and hashes; the head noted earlier |
//! | `images` | the image view, as of its checkpoint |
//! | `accounts` | accounts, keys and their secrets, claims, counts |
//! | `bookkeeping` | checkpoints, idempotency keys, token families, uses of keys |
//! | `guards` | triggers, constraints, rights |
//! | `blobs` | the blobs of images |
//! | `backup` | the folder of a backup instead of an installation |
//! | [`finding`] | a report of something wrong |
//!
//! It only reads a snapshot of the database, and starts nothing. If the projection is behind the log,
//! because no server runs or it is stalled, its view is compared with the fold up to its checkpoint.

mod accounts;
mod backup;
mod blobs;
mod bookkeeping;
mod chain;
pub mod finding;
mod guards;
mod images;
mod log;

use photolog_store::{
    BlobError, Blobs, MasterKeyFile, Position, Snapshot, StoreConfig, StoreError,
};
use serde::Serialize;

use crate::archive::ArchiveError;
pub use backup::verify_backup;
use chain::Chain;
pub use chain::{Head, InvalidHead};
pub use finding::{Finding, Kind};
use log::Log;

/// Entries per read.
const BATCH: u32 = 2_000;

/// How often to start over because a server has started meanwhile.
const ATTEMPTS: u32 = 5;

/// What was checked, and what is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The end of the log that was checked.
    pub head: Head,
    /// The position of the image view; `None` for a backup, which has none.
    pub projection: Option<Position>,
    /// How much was checked.
    pub checked: Checked,
    /// Remarks on things that are not wrong.
    pub notes: Vec<String>,
    /// Everything that is wrong; empty when all is well.
    pub findings: Vec<Finding>,
}

/// How much was checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// Events in the log.
    pub events: u64,
    /// Images.
    pub images: u64,
    /// Accounts.
    pub accounts: u64,
    /// Keys that have not been revoked.
    pub keys: u64,
    /// Blobs of images that events name.
    pub pictures: u64,
    /// Renditions in the cache.
    pub renditions: u64,
}

/// Why the check could not be completed.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The database cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The blob store cannot be read.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// Events name blobs, but the folder of blobs does not exist.
    #[error("there is no picture folder")]
    NoPictures,
    /// The backup cannot be read.
    #[error(transparent)]
    Backup(#[from] ArchiveError),
    /// A server started during every attempt.
    #[error("a server was started in the meantime: stop it and try again")]
    LogKeptGrowing,
}

/// Checks an installation; `noted` is a head that its log must still contain.
///
/// # Errors
/// When the database or the blob store cannot be read; damage in them is a [`Finding`].
pub async fn verify(
    database: &StoreConfig,
    master_key: &MasterKeyFile,
    blobs: &Blobs,
    noted: Option<Head>,
) -> Result<Report, VerifyError> {
    let mut report = Report::default();
    for _ in 0..ATTEMPTS {
        let mut snapshot = Snapshot::open(database, master_key.clone()).await?;
        let read = read(&mut snapshot, noted, &mut report).await;
        if snapshot.close().await {
            let log = read?;
            if !log.blobs.is_empty() && !blobs.is_there() {
                return Err(VerifyError::NoPictures);
            }
            blobs::check(blobs, &log.blobs, &mut report.findings).await?;
            return Ok(report);
        }
        report = Report::default();
    }
    Err(VerifyError::LogKeptGrowing)
}

/// Reads and compares the whole database.
async fn read(
    snapshot: &mut Snapshot,
    noted: Option<Head>,
    report: &mut Report,
) -> Result<Log, StoreError> {
    let findings = &mut report.findings;
    let (mut log, mut chain) = (Log::default(), Chain::new(noted));
    let view = bookkeeping::checkpoints(snapshot, Position::MAX, &mut Vec::new()).await?;
    let is_known = view.is_known();
    // The view is compared as of its checkpoint, when the fold reaches it.
    let mut is_compared = false;
    let mut position = 0;
    loop {
        let entries = snapshot.log(position, BATCH).await?;
        let is_end = entries.is_empty();
        for entry in &entries {
            if !is_compared && is_known && entry.event.position > view.position {
                images::compare(snapshot, &log, findings).await?;
                is_compared = true;
            }
            chain.follow(&entry.event, findings);
            log.take_entry(entry, findings);
            position = entry.event.position;
            report.checked.events += 1;
        }
        if is_end {
            break;
        }
    }
    if !is_compared && is_known {
        images::compare(snapshot, &log, findings).await?;
    }
    report.head = chain.finish(findings);
    bookkeeping::checkpoints(snapshot, report.head.position, findings).await?;
    report.projection = Some(view.position);
    if is_known && view.position < report.head.position {
        report.notes.push(format!(
            "the projection stands at {} of {}: the image view was compared with the log up to there",
            view.position, report.head.position
        ));
    }

    let misplaced = snapshot.misplaced().await?;
    findings.extend(misplaced.iter().map(log::of_misplaced));
    let waiting = snapshot.waiting().await?;
    for event in &waiting {
        log.take(None, event, findings);
    }
    if !waiting.is_empty() {
        report.notes.push(format!(
            "events that wait for their place in the log, which a projector gives them: {}",
            waiting.len()
        ));
    }
    let secrets = snapshot.secrets().await?;
    accounts::compare(snapshot, &log, &secrets, findings).await?;
    bookkeeping::requests(snapshot, &log, &secrets, findings).await?;
    guards::check(snapshot, findings).await?;
    report.checked = Checked {
        images: log.images.len() as u64,
        accounts: log.accounts().count() as u64,
        keys: log
            .accounts()
            .map(|(_, state)| accounts::not_revoked(state).count() as u64)
            .sum(),
        pictures: log.blobs.len() as u64,
        ..report.checked
    };
    Ok(log)
}
