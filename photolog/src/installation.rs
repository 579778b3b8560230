//! Where an installation is; its database and pictures, made where there are none or only found.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use clap::builder::{PathBufValueParser, TypedValueParser};
use photolog_api::unrepeated::unrepeated;
use photolog_projector::settings::DatabaseSettings;
use photolog_store::{BlobConfig, BlobUrl, Blobs, Store, private};

/// Where an installation is.
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
    /// Where the pictures are.
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

/// What is text in our environment; no setting of a bucket is anything else.
fn environment() -> Vec<(String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}
