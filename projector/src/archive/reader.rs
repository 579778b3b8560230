//! Reads a backup's folder without changing anything in it.

use std::io;
use std::path::{Path, PathBuf};

use photolog_store::{ArchivedEvent, WrappedSecrets};

use super::log_file::LogReader;
use super::{ArchiveError, FORMAT, Manifest, SECRETS, at, read_if_there};

/// The files of a backup.
pub(crate) struct BackupReader {
    folder: PathBuf,
    log: LogReader,
    /// Its manifest.
    pub(crate) manifest: Manifest,
}

impl BackupReader {
    pub(crate) async fn open(folder: &Path) -> Result<Self, ArchiveError> {
        Ok(Self {
            folder: folder.to_owned(),
            manifest: read_manifest(folder).await?,
            log: LogReader::open(folder).await?,
        })
    }

    /// The next event that the manifest covers, without a check of its position and hash.
    pub(crate) async fn next_unchecked(&mut self) -> Result<Option<ArchivedEvent>, ArchiveError> {
        match self.log.lines < self.manifest.position {
            true => self.log.next_unchecked().await,
            false => Ok(None),
        }
    }

    /// The wrapped secrets, if the backup has them.
    pub(crate) async fn secrets(&self) -> Result<Option<WrappedSecrets>, ArchiveError> {
        read_secrets(&self.folder).await
    }
}

pub(super) async fn read_manifest(folder: &Path) -> Result<Manifest, ArchiveError> {
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

pub(super) async fn read_secrets(folder: &Path) -> Result<Option<WrappedSecrets>, ArchiveError> {
    let path = folder.join(SECRETS);
    let Some(text) = read_if_there(path.clone()).await? else {
        return Ok(None);
    };
    let secrets = serde_json::from_slice(&text)
        .map_err(io::Error::from)
        .map_err(at(&path))?;
    Ok(Some(secrets))
}
