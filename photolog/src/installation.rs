//! The location of an installation, and how its database and pictures are opened, created or only
//! found.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use clap::builder::{PathBufValueParser, TypedValueParser};
use photolog_api::unrepeated::unrepeated;
use photolog_projector::settings::DatabaseSettings;
use photolog_store::{BlobConfig, BlobUrl, Blobs, Store, private};

/// The location of an installation.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Installation")]
pub struct Place {
    /// Folder for everything Photolog keeps: database, pictures, credentials, cache
    #[arg(
        long,
        env = "PHOTOLOG_DATA_DIR",
        default_value = "./photolog-data",
        value_parser = PathBufValueParser::new().try_map(std::path::absolute),
        global = true
    )]
    pub data_dir: PathBuf,

    /// Where events and read models are kept.
    #[command(flatten)]
    pub database: DatabaseSettings,

    /// Where pictures are kept: s3://bucket/prefix, gs://bucket/prefix, az://container/prefix or
    /// file:///path [default: DATA_DIR/blobs]
    ///
    /// Credentials and endpoints of a bucket are the usual variables: AWS_ACCESS_KEY_ID,
    /// AWS_SECRET_ACCESS_KEY, AWS_REGION, AWS_ENDPOINT_URL; GOOGLE_…; AZURE_….
    #[arg(long, env = "PHOTOLOG_BLOB_URL", value_parser = unrepeated::<BlobUrl>(), global = true)]
    pub blob_url: Option<BlobUrl>,
}

impl Place {
    /// The location of the pictures.
    pub fn blobs(&self) -> BlobConfig {
        match &self.blob_url {
            None => BlobConfig::Directory {
                path: self.data_dir.join("blobs"),
            },
            Some(BlobUrl::Directory(path)) => BlobConfig::Directory { path: path.clone() },
            Some(BlobUrl::Bucket(url)) => BlobConfig::Bucket {
                url: url.clone(),
                environment: environment(),
                incoming: self.data_dir.join("incoming"),
            },
        }
    }
}

/// The files and folders that Photolog keeps in the data folder.
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

/// Opens the database and migrates it; an error names the setting at fault.
///
/// # Errors
/// When it cannot be opened or migrated.
pub async fn open_store(place: &Place) -> anyhow::Result<Store> {
    let folder = &place.data_dir;
    private::make_folder(folder)
        .and_then(|()| private::close_folder(folder, DATA_FOLDER))
        .and_then(|()| private::try_room(folder))
        .with_context(|| unusable_folder(place))?;
    place.database.open(folder).await
}

/// As [`open_store`], but only for an existing installation; otherwise nothing is created or
/// changed.
///
/// # Errors
/// `NoInstallation` when there is none; otherwise as [`open_store`].
pub async fn find_store(place: &Place) -> anyhow::Result<Store> {
    let folder = &place.data_dir;
    place.database.is_there(folder).await?;
    private::close_folder(folder, DATA_FOLDER).with_context(|| unusable_folder(place))?;
    place.database.open(folder).await
}

/// Opens the blob store; an error names the setting at fault.
///
/// # Errors
/// When it cannot be opened.
pub async fn open_blobs(place: &Place) -> anyhow::Result<Blobs> {
    let blobs = Blobs::open(&place.blobs()).await;
    blobs.with_context(|| unusable_blobs(place))
}

/// The message for an unusable blob store, which names the setting at fault.
pub(crate) fn unusable_blobs(place: &Place) -> String {
    match &place.blob_url {
        Some(_) => "--blob-url cannot be used".to_owned(),
        None => unusable_folder(place),
    }
}

/// As [`open_blobs`], but does not create a missing folder that the settings name.
///
/// # Errors
/// When the folder does not exist; otherwise as [`open_blobs`].
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

/// The environment variables that are valid text, as every bucket setting is.
fn environment() -> Vec<(String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}
