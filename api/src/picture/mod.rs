//! Pictures: taken in, made into masters, rendered on demand.
//!
//! | file | what it holds |
//! | --- | --- |
//! | [`ingest`] | an uploaded file becomes an original, a master and a first rendition |
//! | [`renditions`] | a rendition from memory, disk or the renderer; one render per key at a time |
//! | [`disk_cache`] | renditions as files, up to a size limit |
//! | [`pointers`] | which picture a public link shows now |
//! | [`public`] | `GET /images/{publicID}` |

pub mod disk_cache;
pub mod ingest;
pub mod pointers;
pub mod public;
pub mod renditions;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use moka::future::Cache;
use photolog_domain::{Master, MediaType};
use photolog_rendition as rendition;
use photolog_store::Blobs;
use tokio::sync::Semaphore;

use crate::http::fair_queue::{FairQueue, QueueLimits};
use disk_cache::DiskCache;
use pointers::Pointers;
use renditions::RenditionKey;

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
    blobs: Blobs,
    pub(crate) pointers: Pointers,
    memory: Cache<RenditionKey, Bytes>,
    disk: DiskCache,
    /// Masters that are read and rendered, by the clients that want to see them.
    renders: Arc<FairQueue>,
    /// Uploads that are decoded, by account.
    decodes: Arc<FairQueue>,
    /// Of the masters that were read, those that are rendered now.
    processors: Arc<Semaphore>,
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
}

/// The renderer's word for a media type: the renderer knows nothing of our domain.
pub fn to_rendition(media_type: MediaType) -> rendition::MediaType {
    match media_type {
        MediaType::Png => rendition::MediaType::Png,
        MediaType::Jpeg => rendition::MediaType::Jpeg,
        MediaType::WebP => rendition::MediaType::WebP,
    }
}

/// Our word for the renderer's media type.
pub fn to_domain(media_type: rendition::MediaType) -> MediaType {
    match media_type {
        rendition::MediaType::Png => MediaType::Png,
        rendition::MediaType::Jpeg => MediaType::Jpeg,
        rendition::MediaType::WebP => MediaType::WebP,
    }
}

/// What the renderer needs to know of a master.
pub fn master_info(master: &Master, has_alpha: bool) -> rendition::MasterInfo {
    rendition::MasterInfo {
        media_type: to_rendition(master.media_type),
        dimensions: rendition::Dimensions {
            width: master.width,
            height: master.height,
        },
        has_alpha,
    }
}
