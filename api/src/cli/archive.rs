//! `photolog backup` and `photolog restore`

use std::path::Path;

use anyhow::Context;
use photolog_projector::archive::{self, RestoredSecrets};

use crate::cli::{open_blobs, open_store, print};
use crate::config::Config;

/// Copies everything that is true into a folder. The server may run meanwhile.
///
/// # Errors
/// When something cannot be read or written, or is damaged.
pub async fn backup(config: &Config, folder: &Path, secrets: bool) -> anyhow::Result<()> {
    let store = open_store(config).await?;
    let blobs = open_blobs(config).await?;
    let made = archive::backup(&store, &blobs, folder, secrets).await;
    store.close().await;
    let made = made.context("the backup is not finished")?;
    print(format_args!(
        "{} events and {} pictures are in {}",
        made.position,
        made.blobs,
        folder.display()
    ));
    print(if secrets {
        "the secrets are in secrets.json, wrapped: a restore needs the master key, which is not in it"
    } else {
        "the secrets are left out: after a restore every key must be reissued"
    });
    print(format_args!("the log's hash is {}", hex::encode(made.hash)));
    Ok(())
}

/// Fills an empty installation from a backup.
///
/// # Errors
/// When the backup is damaged, or the database is not empty.
pub async fn restore(config: &Config, folder: &Path) -> anyhow::Result<()> {
    let store = open_store(config).await?;
    let blobs = open_blobs(config).await?;
    let restored = archive::restore(&store, &blobs, folder).await;
    store.close().await;
    let restored = restored.context("nothing was restored to the database")?;
    print(format_args!(
        "{} events and {} pictures are restored",
        restored.manifest.position, restored.manifest.blobs
    ));
    print(match restored.secrets {
        RestoredSecrets::All => "the secrets are restored: keys work as before",
        RestoredSecrets::None => {
            "the backup holds no secrets: every key is answered 401 and must be reissued"
        }
        RestoredSecrets::AnotherMasterKey => {
            "another master key wrapped the secrets of the backup: every key is answered 401 and \
             must be reissued, or empty the installation and restore again with that master key"
        }
    });
    print(format_args!(
        "the log's hash is {}",
        hex::encode(restored.manifest.hash)
    ));
    Ok(())
}
