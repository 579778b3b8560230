//! Blobs as objects in a bucket, by `object_store`, which signs, retries with growing pauses, and
//! knows the three vendors.
//!
//! An object appears when its upload is complete, so nobody ever sees half of one.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{BoxStream, StreamExt, TryStreamExt};
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::path::Path;
use object_store::{ClientOptions, Error, ObjectMeta, ObjectStore, ObjectStoreExt, RetryConfig};
use photolog_domain::Digest;
use tokio::fs::File;
use tokio::io::AsyncReadExt;

use super::{StoredBlob, path_of};
use crate::BlobError;
use crate::config::{BucketUrl, Vendor};

/// Larger blobs go up in parts of this size. S3 takes none below 5 MiB but the last.
const PART_BYTES: u64 = 8 << 20;

/// How often, and how long, a request that failed is tried again. A client waits for it.
const RETRIES: usize = 5;
const RETRY_TIMEOUT: Duration = Duration::from_secs(20);

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Written and read back at start, to see whether the bucket lets us.
const PROBE: &str = "photolog";
const PROBE_TEXT: &[u8] = b"The blobs of a Photolog are below this prefix.\n";

/// A bucket of blobs, or the part of one below a prefix.
#[derive(Clone, Debug)]
pub(super) struct Bucket {
    objects: Arc<dyn ObjectStore>,
    prefix: Path,
}

impl Bucket {
    /// Opens a bucket and tries whether it can be read and written.
    pub(super) async fn open(
        url: &BucketUrl,
        environment: &[(String, String)],
    ) -> Result<Self, BlobError> {
        let unusable = |problem| BlobError::Unusable {
            url: url.to_string(),
            problem,
        };
        // The client has no TLS of its own choice; another part of the program may have chosen.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let bucket = Self {
            objects: client(url, environment).map_err(unusable)?,
            prefix: Path::from_url_path(url.prefix()).map_err(|error| unusable(error.into()))?,
        };
        bucket.probe().await.map_err(unusable)?;
        Ok(bucket)
    }

    async fn probe(&self) -> Result<(), Error> {
        let path = self.prefix.clone().join(PROBE);
        self.objects.put(&path, PROBE_TEXT.into()).await?;
        self.objects.get(&path).await?.bytes().await?;
        self.objects.list(Some(&self.prefix)).try_next().await?;
        Ok(())
    }

    fn path(&self, digest: &Digest) -> Path {
        let prefix = self.prefix.clone();
        path_of(digest).split('/').fold(prefix, Path::join)
    }

    /// Stores a file from where it stands; complete on return.
    pub(super) async fn put(
        &self,
        file: &mut File,
        size_bytes: u64,
        digest: &Digest,
    ) -> Result<(), BlobError> {
        let path = self.path(digest);
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
            // Parts that stay behind cost money. When this fails as well, the bucket's own rule
            // for unfinished uploads removes them.
            let _ = upload.abort().await;
        }
        sent
    }

    pub(super) async fn get(&self, digest: &Digest) -> Result<Option<Bytes>, BlobError> {
        let read = async { self.objects.get(&self.path(digest)).await?.bytes().await };
        if_there(read.await)
    }

    pub(super) async fn find(&self, digest: &Digest) -> Result<Option<StoredBlob>, BlobError> {
        let found = if_there(self.objects.head(&self.path(digest)).await)?;
        Ok(found.as_ref().and_then(described))
    }

    pub(super) fn list(&self) -> BoxStream<'static, Result<StoredBlob, BlobError>> {
        self.objects
            .list(Some(&self.prefix))
            .map_err(BlobError::from)
            .try_filter_map(async |object| Ok(described(&object)))
            .boxed()
    }

    pub(super) async fn delete(&self, digest: &Digest) -> Result<(), BlobError> {
        if_there(self.objects.delete(&self.path(digest)).await)?;
        Ok(())
    }
}

/// The part of the file that follows.
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
    // An endpoint without TLS is somebody's own, and they said so.
    let plain = environment
        .iter()
        .any(|(name, value)| name.contains("ENDPOINT") && value.starts_with("http://"));
    let options = ClientOptions::new()
        .with_allow_http(plain)
        .with_connect_timeout(CONNECT_TIMEOUT)
        .with_timeout(REQUEST_TIMEOUT);

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
