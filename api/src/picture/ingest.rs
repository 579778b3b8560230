//! An uploaded file becomes an original, a master and a first rendition.

use std::sync::Arc;

use bytes::Bytes;
use photolog_domain::{AccountId, Content, Master};
use photolog_rendition as rendition;
use photolog_rendition::{RenditionSpec, RequestedSize};
use photolog_store::{Kept, Spool};

use crate::error::ApiError;
use crate::http::memory::Holder;
use crate::picture::media::{master_info, to_domain};
use crate::picture::pictures::Pictures;
use crate::picture::renditions::Viewer;

/// A picture that is stored durably, so that an event may refer to it.
#[derive(Debug)]
pub struct Ingested {
    /// The uploaded bytes.
    pub content: Content,
    /// The picture made from them.
    pub master: Master,
    /// The blobs of both, to be confirmed after the event is appended.
    pub blobs: [Kept; 2],
}

impl Pictures {
    /// Decodes an upload of an account, makes its master and stores both. The default size is
    /// rendered in the background, because an upload must not wait for the render queue.
    ///
    /// Memory is taken from one budget in bytes, according to the picture's header, and accounts
    /// get equal shares: many large uploads of one account wait without delaying those of others.
    ///
    /// # Errors
    /// When the bytes are not a supported picture, or storage fails.
    pub async fn ingest(
        self: &Arc<Self>,
        account: AccountId,
        mut spool: Spool,
    ) -> Result<Ingested, ApiError> {
        let holder = Holder::Account(account);
        let size_bytes = spool.len();
        let turn = self.decodes.turn(holder, size_bytes).await?;
        let bytes = spool.read().await?;
        let (inspection, room) = turn.run(move || rendition::inspect(&bytes)).await?;
        let inspection = inspection?;
        drop(room);

        let needed = size_bytes + inspection.working_bytes;
        let turn = self.decodes.turn(holder, needed).await?;
        let bytes = spool.read().await?;
        let (made, room) = turn.run(move || rendition::make_master(&bytes)).await?;
        let made = made?;
        let master_blob = self.blobs.put(Bytes::from(made.bytes)).await?;
        let master = Master {
            digest: master_blob.digest(),
            media_type: to_domain(made.media_type).into(),
            width: made.dimensions.width,
            height: made.dimensions.height,
        };
        let content_blob = spool.keep().await?;
        let content = Content {
            digest: content_blob.digest(),
            media_type: to_domain(inspection.media_type).into(),
            size_bytes,
            width: made.original_dimensions.width,
            height: made.original_dimensions.height,
            has_alpha: made.has_alpha,
        };
        drop(room);
        let first_look = self
            .clone()
            .render_default(master.clone(), content.has_alpha, holder);
        tokio::spawn(first_look);
        Ok(Ingested {
            content,
            master,
            blobs: [content_blob, master_blob],
        })
    }

    /// Ensures that the blobs of an appended event exist.
    ///
    /// # Errors
    /// When storage fails.
    pub async fn confirm(&self, blobs: impl IntoIterator<Item = Kept>) -> Result<(), ApiError> {
        for blob in blobs {
            blob.confirm(&self.blobs).await?;
        }
        Ok(())
    }

    /// Renders the default size, because it is usually the first one to be requested.
    async fn render_default(self: Arc<Self>, master: Master, has_alpha: bool, holder: Holder) {
        let Ok(info) = master_info(&master, has_alpha) else {
            return;
        };
        let Some(media_type) = rendition::negotiate(None, &info) else {
            return;
        };
        let spec = RenditionSpec {
            dimensions: RequestedSize::default().effective(info.dimensions),
            media_type,
        };
        let viewer = Viewer {
            holder,
            reader: None,
        };
        if let Err(problem) = self.rendition(&master, has_alpha, spec, viewer).await {
            // The picture itself is fine; it is rendered when a client requests it.
            tracing::debug!(%problem, "the default size was not rendered at ingest");
        }
    }
}
