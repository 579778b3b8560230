//! Where pictures are kept, decoded and rendered, and the queues before that work.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use moka::future::Cache;
use photolog_domain::PublicId;
use photolog_rendition::MasterInfo;
use photolog_store::{Blobs, PublicImage, Store, StoreError};
use tokio::sync::Semaphore;

use crate::error::ApiError;
use crate::http::fair_queue::{FairQueue, QueueLimits};
use crate::picture::disk_cache::DiskCache;
use crate::picture::media::master_info;
use crate::picture::pointers::Pointers;
use crate::picture::rendition_key::RenditionKey;

/// Limits of the picture work.
#[derive(Clone, Debug)]
pub struct PictureLimits {
    /// Most pictures of one client or account that wait for a processor.
    pub waiting: usize,
    /// Memory that decoding uploads may take at once, in bytes.
    pub decoding_bytes: u64,
    /// Memory that rendering may take at once, in bytes.
    pub rendering_bytes: u64,
    /// Renditions kept on disk, in bytes.
    pub disk_cache_bytes: u64,
    /// Renditions kept in memory, in bytes.
    pub memory_cache_bytes: u64,
}

/// Ingest, renditions and their caches.
pub struct Pictures {
    pub(super) blobs: Blobs,
    pub(super) pointers: Pointers,
    pub(super) memory: Cache<RenditionKey, Bytes>,
    pub(super) disk: DiskCache,
    /// Masters that are read and rendered, by the clients that want to see them.
    pub(super) renders: Arc<FairQueue>,
    /// Uploads that are decoded, by account.
    pub(super) decodes: Arc<FairQueue>,
    /// Of the masters that were read, those that are rendered now.
    pub(super) processors: Arc<Semaphore>,
}

/// Masters in memory that are read or rendered.
const MASTERS: usize = 8;

/// How long a picture may wait for its turn.
const LONGEST_WAIT: Duration = Duration::from_secs(45);

impl Pictures {
    /// With the rendition cache under `cache_directory`.
    ///
    /// # Errors
    /// When the folder cannot be made or read.
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
            // One more than processors, so that one account's large uploads do not hold up another's.
            decodes: queue("decode", processors + 1, processors, limits.decoding_bytes),
            processors: Arc::new(Semaphore::new(processors)),
        })
    }

    /// The image behind a public link.
    ///
    /// # Errors
    /// 404 when there is none, 503 when only a newer program knows whether it may be shown.
    pub async fn shown(
        &self,
        store: &Store,
        public_id: &PublicId,
    ) -> Result<PublicImage, ApiError> {
        let image = self.pointers.find(store, public_id).await?;
        image.ok_or_else(|| ApiError::not_found("image not found"))
    }

    /// The same for an edge: 404 as well for an image that only a newer program can show, because an
    /// edge answers a 503 with the picture that it showed last.
    ///
    /// # Errors
    /// 404 when there is none to be shown.
    pub async fn shown_at_edge(
        &self,
        store: &Store,
        public_id: &PublicId,
    ) -> Result<(PublicImage, MasterInfo), ApiError> {
        let missing = || ApiError::not_found("image not found");
        let image = match self.pointers.find(store, public_id).await {
            Err(StoreError::WrittenByNewerVersion) => None,
            found => found?,
        };
        let image = image.ok_or_else(missing)?;
        let info = master_info(&image.master, image.has_alpha).map_err(|_| missing())?;
        Ok((image, info))
    }
}
