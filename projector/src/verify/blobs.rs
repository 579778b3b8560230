//! Checks the blob of every image that an event names: it exists, is a regular file, and has the size
//! in the event and the digest that names it.

use std::collections::BTreeMap;

use futures::{StreamExt, TryStreamExt, stream};
use photolog_domain::ContentHash;
use photolog_store::{BlobError, Blobs};

use super::finding::{Finding, Kind};

/// Number of blobs read concurrently.
const AT_ONCE: usize = 4;

/// Reads them all.
pub(super) async fn check(
    blobs: &Blobs,
    named: &BTreeMap<ContentHash, Option<u64>>,
    findings: &mut Vec<Finding>,
) -> Result<(), BlobError> {
    let mut checked = stream::iter(named)
        .map(|(digest, size)| check_one(blobs, digest, *size))
        .buffered(AT_ONCE);
    while let Some(finding) = checked.try_next().await? {
        findings.extend(finding);
    }
    Ok(())
}

async fn check_one(
    blobs: &Blobs,
    digest: &ContentHash,
    size_bytes: Option<u64>,
) -> Result<Option<Finding>, BlobError> {
    const ADVICE: &str = "copy it from a backup, where it has the same name";
    let finding = |sentence: String| Some(Finding::new(Kind::Picture, digest, sentence));
    Ok(match blobs.get(digest).await {
        Ok(Some(bytes)) => match size_bytes {
            Some(expected) if expected != bytes.len() as u64 => finding(format!(
                "the event that stores picture {digest} gives another length than the picture has"
            ))
            .map(|finding| finding.expected(expected).found(bytes.len())),
            _ => None,
        },
        Ok(None) => finding(format!("picture {digest} is missing: {ADVICE}")),
        Err(BlobError::Damaged(_)) => finding(format!("picture {digest} is damaged: {ADVICE}")),
        Err(error) => return Err(error),
    })
}
