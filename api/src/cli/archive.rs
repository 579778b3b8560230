//! `photolog backup` and `photolog restore`

use std::path::Path;

use anyhow::Context;
use photolog_projector::archive;

use crate::cli::{open_blobs, open_store, print};
use crate::config::Config;

/// Copies everything that is true into a folder. The server may run meanwhile.
///
/// # Errors
/// When something cannot be read or written, or is damaged.
pub async fn backup(config: &Config, folder: &Path) -> anyhow::Result<()> {
    let store = open_store(config).await?;
    let blobs = open_blobs(config).await?;
    let made = archive::backup(&store, &blobs, folder).await;
    store.close().await;
    let made = made.context("the backup is not finished")?;
    print(format_args!(
        "{} events and {} pictures are in {}",
        made.position,
        made.blobs,
        folder.display()
    ));
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
        restored.position, restored.blobs
    ));
    print(format_args!(
        "the log's hash is {}",
        hex::encode(restored.hash)
    ));
    Ok(())
}
