//! Blobs as objects in a bucket, through `object_store`, which signs requests, retries with
//! exponential backoff, and supports the three vendors.
//!
//! An object appears when its upload is complete, so no reader ever sees a partial one.

use std::future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{BoxStream, StreamExt, TryStreamExt};
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::path::Path;
use object_store::{ClientOptions, Error, ObjectMeta, ObjectStore, ObjectStoreExt, RetryConfig};
use photolog_domain::ContentHash;
use tokio::fs::File;
use tokio::io::AsyncReadExt;

use super::{At, QUARANTINE, StoredBlob, path_of};
use crate::BlobError;
use crate::config::{BucketUrl, Vendor};

/// Larger blobs are uploaded in parts of this size: S3 accepts no smaller part except the last, and
/// a part must be sent within [`SILENCE`].
const PART_BYTES: u64 = 5 << 20;

/// How often, and for how long, a failed request is retried while a client waits.
const RETRIES: usize = 5;
const RETRY_TIMEOUT: Duration = Duration::from_secs(20);

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a server may be silent before the request is retried on another connection.
const SILENCE: Duration = Duration::from_secs(8);

/// An object written and read back at startup, to check that the bucket grants access.
const PROBE: &str = "photolog";
const PROBE_TEXT: &[u8] = b"The blobs of a Photolog are below this prefix.\n";

/// A bucket of blobs, or the part of one below a prefix.
#[derive(Clone, Debug)]
pub(super) struct Bucket {
    objects: Arc<dyn ObjectStore>,
    prefix: Path,
}

impl Bucket {
    /// Opens a bucket and checks that it can be read and written.
    pub(super) async fn open(
        url: &BucketUrl,
        environment: &[(String, String)],
    ) -> Result<Self, BlobError> {
        let bucket = Self::new(url, environment).map_err(unusable(url))?;
        bucket.probe().await.map_err(unusable(url))?;
        Ok(bucket)
    }

    /// Opens a bucket and checks that it can be read.
    pub(super) async fn open_to_read(
        url: &BucketUrl,
        environment: &[(String, String)],
    ) -> Result<Self, BlobError> {
        let bucket = Self::new(url, environment).map_err(unusable(url))?;
        let first = bucket.objects.list(Some(&bucket.prefix)).try_next().await;
        first.map_err(unusable(url))?;
        Ok(bucket)
    }

    fn new(url: &BucketUrl, environment: &[(String, String)]) -> Result<Self, Error> {
        Ok(Self {
            objects: client(url, environment)?,
            prefix: Path::from_url_path(url.prefix())?,
        })
    }

    async fn probe(&self) -> Result<(), Error> {
        let path = self.prefix.clone().join(PROBE);
        self.objects.put(&path, PROBE_TEXT.into()).await?;
        self.objects.get(&path).await?.bytes().await?;
        self.objects.list(Some(&self.prefix)).try_next().await?;
        Ok(())
    }

    /// Whether the bucket answers.
    pub(super) async fn check(&self) -> Result<(), BlobError> {
        self.objects.head(&self.prefix.clone().join(PROBE)).await?;
        Ok(())
    }

    fn path(&self, digest: &ContentHash, at: At) -> Path {
        let prefix = self.prefix.clone();
        path_of(digest, at).split('/').fold(prefix, Path::join)
    }

    /// Uploads a file from its current offset; complete on return.
    pub(super) async fn put(
        &self,
        file: &mut File,
        size_bytes: u64,
        digest: &ContentHash,
    ) -> Result<(), BlobError> {
        let path = self.path(digest, At::Place);
        if size_bytes <= PART_BYTES {
            self.objects.put(&path, part(file).await?.into()).await?;
            return Ok(());
        }
        let mut upload = self.objects.put_multipart(&path).await?;
        let sent = async {
            for _ in 0..size_bytes.div_ceil(PART_BYTES) {
                upload.put_part(part(file).await?.into()).await?;
            }
            upload.complete().await?;
            Ok(())
        };
        let sent = sent.await;
        if sent.is_err() {
            // Leftover parts cost money. If the abort fails too, the bucket's own lifecycle rule for
            // incomplete uploads removes them.
            let _ = upload.abort().await;
        }
        sent
    }

    pub(super) async fn get(
        &self,
        digest: &ContentHash,
        at: At,
    ) -> Result<Option<Bytes>, BlobError> {
        let path = self.path(digest, at);
        let read = async { self.objects.get(&path).await?.bytes().await };
        if_there(read.await)
    }

    pub(super) async fn find(&self, digest: &ContentHash) -> Result<Option<StoredBlob>, BlobError> {
        let found = if_there(self.objects.head(&self.path(digest, At::Place)).await)?;
        Ok(found.as_ref().and_then(described))
    }

    pub(super) fn list(&self) -> BoxStream<'static, Result<StoredBlob, BlobError>> {
        let bucket = self.clone();
        self.objects
            .list(Some(&self.prefix))
            .map_err(BlobError::from)
            .try_filter_map(move |object| {
                let blob = described(&object)
                    .filter(|blob| object.location == bucket.path(&blob.digest, At::Place));
                future::ready(Ok(blob))
            })
            .boxed()
    }

    /// Copies, then deletes: if this is interrupted between the two steps, both copies exist.
    pub(super) async fn move_between(
        &self,
        digest: &ContentHash,
        from: At,
        to: At,
    ) -> Result<(), BlobError> {
        let (from, to) = (self.path(digest, from), self.path(digest, to));
        if if_there(self.objects.copy(&from, &to).await)?.is_some() {
            if_there(self.objects.delete(&from).await)?;
        }
        Ok(())
    }

    pub(super) async fn quarantined(&self) -> Result<Vec<StoredBlob>, BlobError> {
        let quarantine = self.prefix.clone().join(QUARANTINE);
        let objects = self.objects.list(Some(&quarantine));
        let blobs = objects.try_filter_map(|object| future::ready(Ok(described(&object))));
        Ok(blobs.try_collect().await?)
    }

    pub(super) async fn purge(&self, digest: &ContentHash) -> Result<(), BlobError> {
        let path = self.path(digest, At::Quarantine);
        if_there(self.objects.delete(&path).await)?;
        Ok(())
    }
}

/// Adds the bucket's URL to an error.
fn unusable(url: &BucketUrl) -> impl Fn(Error) -> BlobError {
    move |problem| BlobError::Unusable {
        url: url.to_string(),
        problem,
    }
}

/// The next part of the file.
async fn part(file: &mut File) -> Result<Vec<u8>, BlobError> {
    let mut bytes = Vec::new();
    file.take(PART_BYTES).read_to_end(&mut bytes).await?;
    Ok(bytes)
}

fn described(object: &ObjectMeta) -> Option<StoredBlob> {
    Some(StoredBlob {
        digest: object.location.filename()?.parse().ok()?,
        stored_at: object.last_modified.into(),
        size_bytes: object.size,
    })
}

fn if_there<T>(result: Result<T, Error>) -> Result<Option<T>, BlobError> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn client(
    url: &BucketUrl,
    environment: &[(String, String)],
) -> Result<Arc<dyn ObjectStore>, Error> {
    let retry = RetryConfig {
        max_retries: RETRIES,
        retry_timeout: RETRY_TIMEOUT,
        ..RetryConfig::default()
    };
    // A plain HTTP endpoint is used only where the operator configured one explicitly.
    let plain = environment
        .iter()
        .any(|(name, value)| name.contains("ENDPOINT") && value.starts_with("http://"));
    let options = ClientOptions::new()
        .with_allow_http(plain)
        .with_connect_timeout(CONNECT_TIMEOUT)
        .with_timeout(REQUEST_TIMEOUT)
        .with_read_timeout(SILENCE);

    macro_rules! built {
        ($builder:ident, $prefix:literal) => {{
            let builder = $builder::new()
                .with_client_options(options)
                .with_retry(retry)
                .with_url(url.to_string());
            let settings = environment
                .iter()
                .filter(|(name, _)| name.starts_with($prefix))
                .filter_map(|(name, value)| Some((name.to_ascii_lowercase().parse().ok()?, value)));
            settings
                .fold(builder, |builder, (key, value)| {
                    builder.with_config(key, value)
                })
                .build()
                .map(|client| Arc::new(client) as Arc<dyn ObjectStore>)
        }};
    }
    match url.vendor() {
        Vendor::S3 => built!(AmazonS3Builder, "AWS_"),
        Vendor::Google => built!(GoogleCloudStorageBuilder, "GOOGLE_"),
        Vendor::Azure => built!(MicrosoftAzureBuilder, "AZURE_"),
    }
}
