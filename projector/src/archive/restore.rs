//! Out of a folder into an empty installation.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use futures::{StreamExt, TryStreamExt, stream};
use photolog_store::{Blobs, Import, Store, StoreError, WrappedSecrets};

use super::log_file::LogReader;
use super::{ArchiveError, COPIES, FORMAT, Manifest, SECRETS, at, copy, read_if_there};
use crate::named_blobs;

/// Events in one write.
const BATCH: usize = 2_000;

/// What came out of a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// What the backup holds.
    pub manifest: Manifest,
    /// Whether keys work as before.
    pub secrets: RestoredSecrets,
}

/// What became of the secrets in a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestoredSecrets {
    /// They are there.
    All,
    /// The backup holds none.
    None,
    /// They were wrapped by a master key that is not this installation's.
    AnotherMasterKey,
}

/// Fills an empty database and a blob store from a backup. The log keeps its places and hashes.
///
/// Blobs come first and may be there already; the log comes in one transaction. So a restore that
/// was cut off is simply made again.
///
/// # Errors
/// When the backup is damaged in any way, the database is not empty, or something fails; then the
/// database is as empty as before.
pub async fn restore(
    store: &Store,
    blobs: &Blobs,
    folder: &Path,
) -> Result<Restored, ArchiveError> {
    let manifest = read(folder).await?;
    if store.log_head().await? > 0 {
        return Err(StoreError::NotEmpty.into());
    }
    let named = check_log(folder, &manifest).await?;
    let copies = Blobs::open_to_read(&folder.join("blobs"))?;
    stream::iter(named)
        .map(|digest| copy(&copies, blobs, digest))
        .buffer_unordered(COPIES)
        .try_collect::<()>()
        .await?;

    let mut import = store.import().await?;
    let mut log = LogReader::open(folder).await?;
    while log.tail.position < manifest.position {
        let events = log.batch(manifest.position, BATCH).await?;
        if events.is_empty() {
            return Err(ArchiveError::NoBackup(folder.to_owned()));
        }
        import.add(&events).await?;
    }
    let secrets = take_secrets(&mut import, folder).await?;
    import.commit().await?;
    Ok(Restored { manifest, secrets })
}

async fn take_secrets(import: &mut Import, folder: &Path) -> Result<RestoredSecrets, ArchiveError> {
    let path = folder.join(SECRETS);
    let Some(text) = read_if_there(path.clone()).await? else {
        return Ok(RestoredSecrets::None);
    };
    let secrets: WrappedSecrets = serde_json::from_slice(&text)
        .map_err(io::Error::from)
        .map_err(at(&path))?;
    Ok(match import.take_secrets(&secrets)? {
        true => RestoredSecrets::All,
        false => RestoredSecrets::AnotherMasterKey,
    })
}

async fn read(folder: &Path) -> Result<Manifest, ArchiveError> {
    let path = folder.join("manifest.json");
    let text = read_if_there(path.clone()).await?;
    let text = text.ok_or_else(|| ArchiveError::NoBackup(folder.to_owned()))?;
    let value: serde_json::Value = serde_json::from_slice(&text)
        .map_err(io::Error::from)
        .map_err(at(&path))?;
    match value["format"].as_u64() {
        Some(format) if format > u64::from(FORMAT) => Err(ArchiveError::NewerFormat(
            u32::try_from(format).unwrap_or(u32::MAX),
        )),
        _ => serde_json::from_value(value)
            .map_err(io::Error::from)
            .map_err(at(&path)),
    }
}

/// Reads the whole log once before anything is written: does it lead to the hash that the manifest
/// promises, and which blobs does it name?
async fn check_log(
    folder: &Path,
    manifest: &Manifest,
) -> Result<BTreeSet<photolog_domain::Digest>, ArchiveError> {
    let mut log = LogReader::open(folder).await?;
    let mut named = BTreeSet::new();
    loop {
        let events = log.batch(manifest.position, BATCH).await?;
        if events.is_empty() {
            break;
        }
        for event in &events {
            named.extend(named_blobs::of_archived(event)?.into_iter().flatten());
        }
    }
    if log.tail == manifest.tail() {
        Ok(named)
    } else {
        Err(ArchiveError::NoBackup(folder.to_owned()))
    }
}
