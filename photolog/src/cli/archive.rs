//! `photolog backup` and `photolog restore`

use std::path::{Path, PathBuf};

use anyhow::Context;
use photolog_projector::Head;
use photolog_projector::archive::{self, Backup, RestoredSecrets};
use photolog_store::BlobConfig;

use crate::installation::Place;
use crate::installation::{find_blobs, find_store, open_blobs, open_store};
use crate::output::print;

/// Copies the source of truth into a folder: events, pictures and, if `secrets`, the wrapped
/// secrets. The server may run meanwhile.
///
/// # Errors
/// When data cannot be read or written, or is damaged.
pub async fn backup(place: &Place, folder: &Path, secrets: bool) -> anyhow::Result<()> {
    refuse_installation(place, folder)?;
    let store = find_store(place).await?;
    let blobs = find_blobs(place).await?;
    let made = archive::backup(&store, &blobs, folder, secrets).await;
    store.close().await;
    let Backup {
        manifest: made,
        unopened,
        lacks_events,
    } = made.context("the backup is not finished")?;
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
    print(format_args!("head {}", Head::from(&made)));
    for secret in unopened {
        print(format_args!(
            "warning: the secret {secret} is damaged in the database, and a restore leaves it out; \
             `photolog verify` says what to do"
        ));
    }
    anyhow::ensure!(
        !lacks_events,
        "the backup ends before events that wait for their place in the log: start a projector, and \
         back up again"
    );
    Ok(())
}

/// A backup outside the installation survives its loss; one inside could be mistaken for the
/// installation itself.
fn refuse_installation(place: &Place, folder: &Path) -> anyhow::Result<()> {
    let (folder, data) = (real(folder), real(&place.data_dir));
    let is_inside = match place.blobs() {
        BlobConfig::Directory { path } => {
            let blobs = real(&path);
            folder.starts_with(&blobs) || folder.join("blobs") == blobs
        }
        BlobConfig::Bucket { .. } => false,
    };
    anyhow::ensure!(
        folder != data && !is_inside,
        "{} is in use by the installation: a backup must have a folder of its own",
        folder.display()
    );
    Ok(())
}

/// A path with symbolic links resolved; components that do not exist yet are kept.
fn real(path: &Path) -> PathBuf {
    if let Ok(real) = path.canonicalize() {
        return real;
    }
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) if parent != Path::new("") => real(parent).join(name),
        (_, Some(name)) => real(Path::new(".")).join(name),
        _ => path.to_owned(),
    }
}

/// Fills an empty installation from a backup.
///
/// # Errors
/// When the backup is damaged, or the database is not empty.
pub async fn restore(place: &Place, folder: &Path) -> anyhow::Result<()> {
    // Checked before anything is created.
    anyhow::ensure!(folder.is_dir(), "there is no folder {}", folder.display());
    refuse_installation(place, folder)?;
    let store = open_store(place).await?;
    let blobs = open_blobs(place).await?;
    let restored = archive::restore(&store, &blobs, folder).await;
    store.close().await;
    let restored = restored.context("nothing was restored to the database")?;
    print(format_args!(
        "{} events and {} pictures are restored",
        restored.manifest.position, restored.manifest.blobs
    ));
    print(match restored.secrets {
        RestoredSecrets::All if restored.lost_keys.is_empty() => {
            "the secrets are restored: keys work as before"
        }
        RestoredSecrets::All => "the secrets are restored: other keys than these work as before",
        RestoredSecrets::None => {
            "the backup holds no secrets: every key is answered 401 and must be reissued"
        }
        RestoredSecrets::AnotherMasterKey => {
            "another master key wrapped the secrets of the backup: every key is answered 401 and \
             must be reissued, or empty the installation and restore again with that master key"
        }
    });
    if restored.secrets == RestoredSecrets::All {
        for key_id in &restored.lost_keys {
            print(format_args!(
                "warning: the backup holds no secret of key {key_id}, or a damaged one: it is answered \
                 401 and must be reissued"
            ));
        }
    }
    print(format_args!("head {}", Head::from(&restored.manifest)));
    Ok(())
}
