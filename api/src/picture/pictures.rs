//! The stores and caches of pictures, and the queues for decoding and rendering.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use moka::future::Cache;
use photolog_domain::{ImageError, PublicId};
use photolog_rendition::MasterInfo;
use photolog_store::{Blobs, PublicImage, Store, StoreError};
use tokio::sync::Semaphore;

use crate::error::ApiError;
use crate::http::fair_queue::{FairQueue, QueueLimits};
use crate::picture::disk_cache::DiskCache;
use crate::picture::media::master_info;
use crate::picture::pointers::Pointers;
use crate::picture::rendition_key::RenditionKey;

/// Limits on picture processing.
#[derive(Clone, Debug)]
pub struct PictureLimits {
    /// Maximum pictures of one client or account that wait for a processor.
    pub waiting: usize,
    /// Memory that decoding uploads may take at once, in bytes.
    pub decoding_bytes: u64,
    /// Memory that rendering may take at once, in bytes.
    pub rendering_bytes: u64,
    /// Size of the rendition cache on disk, in bytes.
    pub disk_cache_bytes: u64,
    /// Size of the rendition cache in memory, in bytes.
    pub memory_cache_bytes: u64,
}

/// Ingest, renditions and their caches.
pub struct Pictures {
    pub(super) blobs: Blobs,
    pub(super) pointers: Pointers,
    pub(super) memory: Cache<RenditionKey, Bytes>,
    pub(super) disk: DiskCache,
    /// The queue for reading and rendering masters, shared by viewing clients.
    pub(super) renders: Arc<FairQueue>,
    /// The queue for decoding uploads, shared by accounts.
    pub(super) decodes: Arc<FairQueue>,
    /// Limits how many of the masters that were read are rendered at once.
    pub(super) processors: Arc<Semaphore>,
}

/// Maximum masters in memory that are being read or rendered.
const MASTERS: usize = 8;

/// How long a picture may wait for its turn.
const LONGEST_WAIT: Duration = Duration::from_secs(45);

impl Pictures {
    /// Opens the rendition cache in `cache_directory`.
    ///
    /// # Errors
    /// When the folder cannot be created or read.
    pub async fn open(
        blobs: Blobs,
        cache_directory: PathBuf,
        limits: &PictureLimits,
    ) -> std::io::Result<Self> {
        let memory = Cache::builder()
            .weigher(|_: &RenditionKey, bytes: &Bytes| {
                u32::try_from(bytes.len()).unwrap_or(u32::MAX)
            })
            .max_capacity(limits.memory_cache_bytes)
            .build();
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let queue = |name, workers, workers_of_one, bytes| {
            let limits = QueueLimits {
                workers,
                workers_of_one,
                bytes,
                waiting: limits.waiting,
                longest_wait: LONGEST_WAIT,
            };
            FairQueue::new(name, limits)
        };
        Ok(Self {
            blobs,
            pointers: Pointers::default(),
            memory,
            disk: DiskCache::open(cache_directory, limits.disk_cache_bytes).await?,
            renders: queue("render", MASTERS, MASTERS, limits.rendering_bytes),
            // One more than processors, so that one account's large uploads do not delay another's.
            decodes: queue("decode", processors + 1, processors, limits.decoding_bytes),
            processors: Arc::new(Semaphore::new(processors)),
        })
    }

    /// The image behind a public link.
    ///
    /// # Errors
    /// 404 when there is none, 503 when only a newer version of the program can tell whether it may
    /// be shown.
    pub async fn shown(
        &self,
        store: &Store,
        public_id: &PublicId,
    ) -> Result<PublicImage, ApiError> {
        let image = self.pointers.find(store, public_id).await?;
        image.ok_or_else(|| ApiError::not_found("image not found"))
    }

    /// As [`Pictures::shown`], for an edge: 409 for an image that only a newer version of the program
    /// can show, because on a 503 an edge serves the last picture that it has.
    ///
    /// # Errors
    /// 404 when there is none, 409 as above.
    pub async fn shown_at_edge(
        &self,
        store: &Store,
        public_id: &PublicId,
    ) -> Result<(PublicImage, MasterInfo), ApiError> {
        let withheld = || ApiError::conflict(ImageError::WrittenByNewerVersion.to_string());
        let image = match self.pointers.find(store, public_id).await {
            Err(StoreError::WrittenByNewerVersion) => return Err(withheld()),
            found => found?,
        };
        let image = image.ok_or_else(|| ApiError::not_found("image not found"))?;
        let info = master_info(&image.master, image.has_alpha).map_err(|_| withheld())?;
        Ok((image, info))
    }
}
