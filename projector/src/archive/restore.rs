//! Restore of a folder into an empty installation.

use std::collections::BTreeSet;
use std::path::Path;

use photolog_domain::KeyId;
use photolog_store::{BlobConfig, Blobs, Import, Store, StoreError};

use super::log_file::LogReader;
use super::reader::{read_manifest, read_secrets};
use super::{ArchiveError, Manifest, copy_missing, with_unknown};
use crate::named_blobs::NamedBlobs;

/// Events per write.
const BATCH: usize = 2_000;

/// The outcome of a restore.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// The manifest of the backup.
    pub manifest: Manifest,
    /// Whether keys work as before.
    pub secrets: RestoredSecrets,
    /// Keys that cannot be used, because the backup lacks their secrets or they are damaged.
    pub lost_keys: BTreeSet<KeyId>,
}

/// What happened to the secrets in a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestoredSecrets {
    /// They were imported.
    All,
    /// The backup contains none.
    None,
    /// They were wrapped by a different master key than this installation's.
    AnotherMasterKey,
}

/// Fills an empty database and a blob store from a backup. The log keeps its positions and hashes.
///
/// Blobs come first and may exist already; the log is imported in one transaction. So an interrupted
/// restore can simply be repeated.
///
/// # Errors
/// When the backup is damaged in any way, the database is not empty, or something fails; the database
/// is then as empty as before.
pub async fn restore(
    store: &Store,
    blobs: &Blobs,
    folder: &Path,
) -> Result<Restored, ArchiveError> {
    let manifest = read_manifest(folder).await?;
    if store.log_head().await? > 0 {
        return Err(StoreError::NotEmpty.into());
    }
    let named = check_log(folder, &manifest).await?;
    let path = folder.join("blobs");
    let copies = Blobs::open_to_read(&BlobConfig::Directory { path }).await?;
    let named = with_unknown(named, &copies).await?;
    copy_missing(&copies, blobs, &named).await?;

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
    let lost_keys = import.keys_without_verifiers();
    import.commit().await?;
    // No event named them until now, so `gc` may have removed one.
    copy_missing(&copies, blobs, &named).await?;
    Ok(Restored {
        manifest,
        secrets,
        lost_keys,
    })
}

async fn take_secrets(import: &mut Import, folder: &Path) -> Result<RestoredSecrets, ArchiveError> {
    let Some(secrets) = read_secrets(folder).await? else {
        return Ok(RestoredSecrets::None);
    };
    Ok(match import.take_secrets(&secrets)? {
        true => RestoredSecrets::All,
        false => RestoredSecrets::AnotherMasterKey,
    })
}

/// Reads the whole log once before anything is written: checks that it leads to the manifest's hash,
/// and collects the blobs that it names.
async fn check_log(folder: &Path, manifest: &Manifest) -> Result<NamedBlobs, ArchiveError> {
    let mut log = LogReader::open(folder).await?;
    let mut named = NamedBlobs::default();
    loop {
        let events = log.batch(manifest.position, BATCH).await?;
        if events.is_empty() {
            break;
        }
        for event in &events {
            named.take(event)?;
        }
    }
    if log.tail == manifest.tail() {
        Ok(named)
    } else {
        Err(ArchiveError::NoBackup(folder.to_owned()))
    }
}
