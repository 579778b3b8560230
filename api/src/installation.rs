//! An installation's database and pictures: made where there is none, or only found.

use anyhow::Context;
use photolog_store::{BlobUrl, Blobs, Store, private};

use crate::config::Place;

/// What Photolog keeps in the data folder.
const DATA_FOLDER: &[&str] = &[
    "address",
    "blobs",
    "credentials.json",
    "curl.conf",
    "incoming",
    "master.key",
    "photolog.gc",
    "photolog.rebuild",
    "photolog.sqlite",
    "photolog.sqlite-shm",
    "photolog.sqlite-wal",
    "renditions",
];

/// Opens the database and migrates it, with a message that names the setting when it cannot.
///
/// # Errors
/// When it cannot.
pub async fn open_store(place: &Place) -> anyhow::Result<Store> {
    let folder = &place.data_dir;
    private::make_folder(folder)
        .and_then(|()| private::close_folder(folder, DATA_FOLDER))
        .and_then(|()| private::try_room(folder))
        .with_context(|| unusable_folder(place))?;
    place.database.open(folder).await
}

/// As [`open_store`], where an installation is already; elsewhere nothing is made or changed.
///
/// # Errors
/// `NoInstallation` when there is none, and as [`open_store`].
pub async fn find_store(place: &Place) -> anyhow::Result<Store> {
    let folder = &place.data_dir;
    place.database.is_there(folder).await?;
    private::close_folder(folder, DATA_FOLDER).with_context(|| unusable_folder(place))?;
    place.database.open(folder).await
}

/// Opens the place of the pictures, with a message that names the setting when it cannot.
///
/// # Errors
/// When it cannot.
pub async fn open_blobs(place: &Place) -> anyhow::Result<Blobs> {
    let blobs = Blobs::open(&place.blobs()).await;
    blobs.with_context(|| unusable_blobs(place))
}

/// Names the setting that leads to pictures that cannot be used.
pub(crate) fn unusable_blobs(place: &Place) -> String {
    match &place.blob_url {
        Some(_) => "--blob-url cannot be used".to_owned(),
        None => unusable_folder(place),
    }
}

/// As [`open_blobs`], but a folder that was named and is not there is not made.
///
/// # Errors
/// When it is not there, and as [`open_blobs`].
pub async fn find_blobs(place: &Place) -> anyhow::Result<Blobs> {
    if let Some(BlobUrl::Directory(path)) = &place.blob_url {
        anyhow::ensure!(
            path.is_dir(),
            "--blob-url cannot be used: there is no folder {}",
            path.display()
        );
    }
    open_blobs(place).await
}

fn unusable_folder(place: &Place) -> String {
    format!("--data-dir {} cannot be used", place.data_dir.display())
}
