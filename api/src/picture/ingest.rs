//! An uploaded file becomes an original, a master and a first rendition.

use std::time::Duration;

use bytes::Bytes;
use photolog_domain::{Content, Master};
use photolog_rendition as rendition;
use photolog_rendition::{RenditionSpec, RequestedSize};
use photolog_store::Spool;

use crate::error::ApiError;
use crate::picture::{MEBIBYTE, Pictures, master_info, to_domain};

/// How long an upload may wait for its share of memory before it is turned away.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// A picture that is stored, durable, and ready to be named by an event.
#[derive(Clone, Debug)]
pub struct Ingested {
    /// The uploaded bytes.
    pub content: Content,
    /// The picture made from them.
    pub master: Master,
}

impl Pictures {
    /// Decodes an upload, makes its master, stores both, and renders the default size.
    ///
    /// Memory is taken out of one budget in bytes, by what the picture's header announces,
    /// so that many large uploads at once wait instead of swapping.
    ///
    /// # Errors
    /// When the bytes are no picture we take, or storage fails.
    pub async fn ingest(&self, mut spool: Spool) -> Result<Ingested, ApiError> {
        let size_bytes = spool.len();
        let small_share = self.reserve(size_bytes).await?;
        let bytes = spool.read().await?;
        let inspection = rendition::inspect(&bytes)?;
        drop(bytes);
        drop(small_share);

        let share = self.reserve(size_bytes + inspection.working_bytes).await?;
        let bytes = spool.read().await?;
        let made = self
            .decodes
            .run(move || rendition::make_master(&bytes))
            .await??;
        let master_digest = self.blobs.put(Bytes::from(made.bytes)).await?;
        let master = Master {
            digest: master_digest,
            media_type: to_domain(made.media_type),
            width: made.dimensions.width,
            height: made.dimensions.height,
        };
        let content = Content {
            digest: spool.keep().await?,
            media_type: to_domain(inspection.media_type),
            size_bytes,
            width: made.original_dimensions.width,
            height: made.original_dimensions.height,
            has_alpha: made.has_alpha,
        };
        drop(share);
        self.render_default(&master, content.has_alpha).await;
        Ok(Ingested { content, master })
    }

    async fn reserve(&self, bytes: u64) -> Result<tokio::sync::OwnedSemaphorePermit, ApiError> {
        // One picture may be larger than the whole budget: then it has it alone.
        let wanted = u32::try_from(bytes.div_ceil(MEBIBYTE))
            .unwrap_or(u32::MAX)
            .clamp(1, self.decode_budget_mebibytes);
        let share = self.decode_budget.clone().acquire_many_owned(wanted);
        tokio::time::timeout(LONGEST_WAIT, share)
            .await
            .map_err(|_| ApiError::busy("too many pictures are being uploaded"))?
            .map_err(ApiError::internal)
    }

    /// The first look at a new picture is at the default size: have it ready.
    async fn render_default(&self, master: &Master, has_alpha: bool) {
        let info = master_info(master, has_alpha);
        let Some(media_type) = rendition::negotiate(None, &info) else {
            return;
        };
        let spec = RenditionSpec {
            dimensions: RequestedSize::default().effective(info.dimensions),
            media_type,
        };
        if let Err(problem) = self.rendition(master, has_alpha, spec).await {
            // The picture itself is fine; it will be rendered when somebody asks.
            tracing::debug!(%problem, "the default size was not rendered at ingest");
        }
    }
}
