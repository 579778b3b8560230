//! A rendition: from memory, from disk, or rendered now, once however many ask at the same time.

use std::sync::Arc;

use bytes::Bytes;
use photolog_domain::{Digest, Master};
use photolog_rendition as rendition;
use photolog_rendition::RenditionSpec;
use photolog_telemetry::metric;

use crate::error::ApiError;
use crate::http::memory::Holder;
use crate::picture::{Pictures, master_info};

/// What makes two renditions the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RenditionKey {
    master: Digest,
    width: u32,
    height: u32,
    media_type: rendition::MediaType,
}

impl RenditionKey {
    fn new(master: &Master, spec: &RenditionSpec) -> Self {
        Self {
            master: master.digest,
            width: spec.dimensions.width,
            height: spec.dimensions.height,
            media_type: spec.media_type,
        }
    }

    fn file_name(&self) -> String {
        format!(
            "{}-{}x{}-v{}.{}",
            self.master,
            self.width,
            self.height,
            rendition::RENDERER_VERSION,
            self.media_type.extension()
        )
    }
}

impl Pictures {
    /// The bytes of a rendition.
    ///
    /// # Errors
    /// When the queue is full, or the master cannot be read.
    pub async fn rendition(
        &self,
        master: &Master,
        has_alpha: bool,
        spec: RenditionSpec,
        holder: Holder,
    ) -> Result<Bytes, ApiError> {
        let key = RenditionKey::new(master, &spec);
        if let Some(bytes) = self.memory.get(&key).await {
            came_from("memory");
            return Ok(bytes);
        }
        let make = self.make(key, master, has_alpha, spec, holder);
        self.memory
            .try_get_with(key, make)
            .await
            .map_err(|shared: Arc<ApiError>| {
                ApiError::new(shared.kind.clone(), shared.message.clone())
                    .caused_by(shared.to_string())
            })
    }

    async fn make(
        &self,
        key: RenditionKey,
        master: &Master,
        has_alpha: bool,
        spec: RenditionSpec,
        holder: Holder,
    ) -> Result<Bytes, ApiError> {
        let own = master_info(master, has_alpha);
        let is_master = spec.dimensions == own.dimensions && spec.media_type == own.media_type;
        if !is_master && let Some(bytes) = self.disk.get(&key.file_name()).await {
            came_from("disk");
            return Ok(bytes);
        }
        // A master is read in its client's turn, so that few of them are in memory.
        let turn = self.renders.turn(holder, 1).await?;
        let bytes = self.blobs.get(&master.digest).await?.ok_or_else(|| {
            ApiError::internal(format!("the master {} is missing", master.digest))
        })?;
        if is_master {
            came_from("master");
            return Ok(bytes);
        }
        let processor = self.processors.clone().acquire_owned().await;
        let processor = processor.map_err(ApiError::internal)?;
        let render = move || {
            let rendered = rendition::render(&bytes, &spec);
            drop(processor);
            rendered
        };
        let (rendered, _room) = turn.run(render).await?;
        let rendered = rendered.map_err(ApiError::internal)?;
        came_from("rendered");
        let rendered = Bytes::from(rendered);
        self.disk.put(key.file_name(), rendered.clone()).await;
        Ok(rendered)
    }
}

/// Counts a rendition by where it came from: the share of `memory` and `disk` is the cache's worth.
fn came_from(source: &'static str) {
    metrics::counter!(metric::RENDITIONS, "source" => source).increment(1);
}
