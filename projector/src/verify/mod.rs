//! `photolog verify`: is everything that is derived from the log what the log says?
//!
//! Folds the log from position 0 and compares: positions dense, hash chain whole, every event
//! readable, image view, claims, counts and keys equal to the fold, every blob that an event names
//! present with its own hash. It only reads, and works while the service runs: when the log
//! grew meanwhile, it folds on and compares again.

mod replay;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use photolog_domain::{AccountId, Digest, ImageId, KeyId, KeyVerifiers};
use photolog_store::{BlobError, Blobs, ImageRow, KeyRecord, Position, Store, StoreError};

use crate::image_view::ImageView;
use replay::Replay;

/// Rows of the view compared at once.
const ROWS: usize = 500;

/// How often to begin the comparison again because the log grew.
const ATTEMPTS: u32 = 20;

/// Between two attempts: what was just written may wait for its place in the log that long.
const PAUSE: Duration = Duration::from_millis(100);

/// How long to let the projection come to the end of the log before its view is compared.
const PROJECTION_TIMEOUT: Duration = Duration::from_secs(10);

/// What was looked at, and what is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The end of the log that was checked.
    pub head: Position,
    /// Images folded.
    pub images: usize,
    /// Blobs that events name.
    pub blobs: usize,
    /// Everything that is not as it should be; empty when all is well.
    pub findings: Vec<Finding>,
}

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The log lacks positions.
    Hole {
        /// The last one before the hole.
        after: Position,
        /// The first one after it.
        position: Position,
    },
    /// The hash of this entry does not follow from its event and the hash before.
    BrokenChain {
        /// Where.
        position: Position,
    },
    /// This event cannot be folded.
    Unreadable {
        /// Where.
        position: Position,
        /// Why.
        problem: String,
    },
    /// The projection did not come to the end of the log.
    ViewBehind {
        /// How far it has come.
        checkpoint: Position,
    },
    /// The image view has another row for this image, or none.
    View(ImageId),
    /// The image view has rows for images that the log does not know.
    ViewSurplus {
        /// How many.
        rows: u64,
    },
    /// The claim on these bytes is missing, surplus, or another image's.
    Claim(AccountId, Digest),
    /// The account's number of enabled images is wrong.
    Count(AccountId),
    /// This key works but should not, or should and does not, or is another one.
    Key(KeyId),
    /// This key should work and cannot, for its verifiers are lost.
    KeyWithoutVerifiers(KeyId),
    /// An event names a blob that is not there.
    BlobMissing(Digest),
    /// A blob does not have the hash it is named by.
    BlobDamaged(Digest),
    /// The log never stood still long enough to compare.
    Restless,
}

/// Why the check could not be made.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The blob store failed.
    #[error(transparent)]
    Blob(#[from] BlobError),
}

/// Checks everything.
///
/// # Errors
/// When the database or the blob store cannot be read; what is wrong in them is a [`Finding`].
pub async fn verify(store: &Store, blobs: &Blobs) -> Result<Report, VerifyError> {
    let mut findings = Vec::new();
    let mut replay = Replay::new();
    let mut derived = vec![Finding::Restless];
    for _ in 0..ATTEMPTS {
        replay.advance(store, &mut findings).await?;
        let compared = compare(store, &replay).await?;
        // Order matters: what was unsealed while comparing has moved the head by now.
        if store.log_is_complete().await? && store.log_head().await? == replay.position {
            derived = compared;
            break;
        }
        tokio::time::sleep(PAUSE).await;
    }
    findings.append(&mut derived);
    for digest in replay.blobs.keys() {
        match blobs.get(digest).await {
            Ok(Some(_)) => {}
            Ok(None) => findings.push(Finding::BlobMissing(*digest)),
            Err(BlobError::Damaged(digest)) => findings.push(Finding::BlobDamaged(digest)),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Report {
        head: replay.position,
        images: replay.images.len(),
        blobs: replay.blobs.len(),
        findings,
    })
}

async fn compare(store: &Store, replay: &Replay) -> Result<Vec<Finding>, StoreError> {
    let mut findings = Vec::new();
    let actual = store.claims().await?;
    let expected = replay.claims();
    let claims = differences(&expected.holders, &actual.holders);
    findings.extend(claims.map(|(account, digest)| Finding::Claim(account, digest)));
    findings.extend(differences(&expected.counts, &actual.counts).map(Finding::Count));

    compare_keys(replay, store.keys().await?, &mut findings);
    compare_view(store, replay, &mut findings).await?;
    Ok(findings)
}

/// Keys whose value is not the same on both sides.
fn differences<K: Ord + Clone, V: PartialEq>(
    expected: &BTreeMap<K, V>,
    actual: &BTreeMap<K, V>,
) -> impl Iterator<Item = K> {
    let keys: BTreeSet<&K> = expected.keys().chain(actual.keys()).collect();
    let different: Vec<K> = keys
        .into_iter()
        .filter(|key| expected.get(key) != actual.get(key))
        .cloned()
        .collect();
    different.into_iter()
}

/// Whether each key's record and verifiers are those that its event speaks of.
fn compare_keys(replay: &Replay, records: Vec<KeyRecord>, findings: &mut Vec<Finding>) {
    let mut expected = replay.keys();
    for record in records {
        let same = expected
            .remove(&record.key_id)
            .is_some_and(|(account, key)| {
                let hashes = record.verifiers.as_ref().map(KeyVerifiers::hashes);
                record.account == account
                    && record.scopes == key.scopes
                    && record.signing_key_logged == key.logged_verifiers.is_some()
                    && hashes.is_none_or(|hashes| hashes == key.verifier_hashes)
            });
        if !same {
            findings.push(Finding::Key(record.key_id));
        } else if record.verifiers.is_none() {
            findings.push(Finding::KeyWithoutVerifiers(record.key_id));
        }
    }
    findings.extend(expected.into_keys().map(Finding::Key));
}

async fn compare_view(
    store: &Store,
    replay: &Replay,
    findings: &mut Vec<Finding>,
) -> Result<(), StoreError> {
    let checkpoint = wait_for_projection(store, replay.position).await?;
    if checkpoint < replay.position {
        findings.push(Finding::ViewBehind { checkpoint });
        return Ok(());
    }
    let mut known = 0;
    let images: Vec<&ImageId> = replay.images.keys().collect();
    for chunk in images.chunks(ROWS) {
        let chunk: Vec<ImageId> = chunk.iter().copied().copied().collect();
        let mut rows: BTreeMap<ImageId, ImageRow> = store
            .image_rows(&chunk)
            .await?
            .into_iter()
            .map(|row| (row.image, row))
            .collect();
        known += rows.len() as u64;
        for image in chunk {
            let expected = replay.images.get(&image).cloned();
            if expected.and_then(|fold| fold.into_row(image)) != rows.remove(&image) {
                findings.push(Finding::View(image));
            }
        }
    }
    let surplus = store.count_images().await?.saturating_sub(known);
    if surplus > 0 {
        findings.push(Finding::ViewSurplus { rows: surplus });
    }
    Ok(())
}

async fn wait_for_projection(store: &Store, position: Position) -> Result<Position, StoreError> {
    let deadline = tokio::time::Instant::now() + PROJECTION_TIMEOUT;
    loop {
        let checkpoint = store
            .checkpoint(ImageView::NAME, ImageView::VERSION)
            .await?;
        if checkpoint >= position || tokio::time::Instant::now() >= deadline {
            return Ok(checkpoint);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hole { after, position } => {
                write!(
                    formatter,
                    "the log goes from position {after} to {position}"
                )
            }
            Self::BrokenChain { position } => {
                write!(formatter, "the hash chain breaks at position {position}")
            }
            Self::Unreadable { position, problem } => {
                write!(formatter, "position {position} cannot be folded: {problem}")
            }
            Self::ViewBehind { checkpoint } => {
                write!(
                    formatter,
                    "the image view has come only to position {checkpoint}"
                )
            }
            Self::View(image) => write!(formatter, "the image view is wrong about {image}"),
            Self::ViewSurplus { rows } => {
                write!(formatter, "the image view has {rows} rows too many")
            }
            Self::Claim(account, digest) => {
                write!(
                    formatter,
                    "account {account}: the claim on {digest} is wrong"
                )
            }
            Self::Count(account) => {
                write!(
                    formatter,
                    "account {account}: the number of images is wrong"
                )
            }
            Self::Key(key_id) => write!(formatter, "key {key_id} is wrong"),
            Self::KeyWithoutVerifiers(key_id) => write!(
                formatter,
                "key {key_id} has lost its verifiers and is answered 401: revoke it and issue another"
            ),
            Self::BlobMissing(digest) => write!(formatter, "blob {digest} is missing"),
            Self::BlobDamaged(digest) => write!(formatter, "blob {digest} is damaged"),
            Self::Restless => {
                formatter.write_str("the log grew all the time: try again with less load")
            }
        }
    }
}
