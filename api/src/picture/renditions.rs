//! Renditions: from memory, from disk, or rendered now, once for all concurrent requests.
//!
//! Room for a response is taken before its bytes are read or rendered, so that clients that do not
//! read cannot fill memory with pending responses.

use crate::error::ApiError;
use crate::http::answers::{Reader, Room};
use crate::http::compute::freed_elsewhere;
use crate::http::fair_queue::{FairQueue, Turn};
use crate::http::memory::Holder;
use crate::picture::media::master_info;
use crate::picture::pictures::Pictures;
use crate::picture::rendition_key::RenditionKey;
use bytes::Bytes;
use photolog_domain::Master;
use photolog_rendition as rendition;
use photolog_rendition::RenditionSpec;
use photolog_telemetry::metric;
use std::sync::Arc;

/// The viewer that a rendition is made for.
#[derive(Clone, Copy, Debug)]
pub struct Viewer<'a> {
    /// The holder whose turn is used to make it.
    pub holder: Holder,
    /// The reader that its response is counted against; `None` when it is not sent to a client.
    pub reader: Option<&'a Reader>,
}

impl Viewer<'_> {
    async fn room(&self, bytes: u64) -> Result<Option<Room>, ApiError> {
        match self.reader {
            Some(reader) => reader.room(bytes).await.map(Some),
            None => Ok(None),
        }
    }

    /// A turn, and room for its result. A viewer gives its turn back before it waits for room,
    /// because others wait for the turn.
    async fn turn(
        &self,
        queue: &Arc<FairQueue>,
        working_bytes: u64,
        bytes: u64,
    ) -> Result<(Turn, Option<Room>), ApiError> {
        loop {
            let turn = queue.turn(self.holder, working_bytes).await?;
            let Some(reader) = self.reader else {
                return Ok((turn, None));
            };
            if let Some(room) = reader.try_room(bytes) {
                return Ok((turn, Some(room)));
            }
            drop(turn);
            reader.room(bytes).await?;
        }
    }
}

impl Pictures {
    /// The bytes of a rendition, and room for them unless they were in memory already.
    ///
    /// # Errors
    /// When the queue is full, there is no room for the response, or the master cannot be read.
    pub async fn rendition(
        &self,
        master: &Master,
        has_alpha: bool,
        spec: RenditionSpec,
        viewer: Viewer<'_>,
    ) -> Result<(Bytes, Option<Room>), ApiError> {
        let key = RenditionKey::new(master, &spec);
        if let Some(bytes) = self.memory.get(&key).await {
            came_from("memory");
            return Ok((bytes, None));
        }
        loop {
            let (mut room, mut was_ours) = (None, false);
            let make = async {
                was_ours = true;
                let (bytes, own_room) = self.make(key, master, has_alpha, spec, viewer).await?;
                room = own_room;
                Ok::<_, ApiError>(bytes)
            };
            match self.memory.try_get_with(key, make).await {
                Ok(bytes) => return Ok((bytes, room)),
                // Only another client's turn or room was refused, so try with our own.
                Err(shared) if !was_ours && shared.is_busy() => {}
                Err(shared) => return Err(shared_error(&shared)),
            }
        }
    }

    async fn make(
        &self,
        key: RenditionKey,
        master: &Master,
        has_alpha: bool,
        spec: RenditionSpec,
        viewer: Viewer<'_>,
    ) -> Result<(Bytes, Option<Room>), ApiError> {
        let own = master_info(master, has_alpha)?;
        let is_master = spec.dimensions == own.dimensions && spec.media_type == own.media_type;
        let name = key.file_name();
        if !is_master && let Some(length) = self.disk.length(&name) {
            let room = viewer.room(length).await?;
            if let Some(bytes) = self.disk.get(&name).await {
                came_from("disk");
                return Ok((bytes, room));
            }
        }
        let working_bytes = rendition::rendering_bytes(&own, &spec);
        let rendition_bytes = rendition::rendition_bytes(&own, &spec);
        let turn = viewer.turn(&self.renders, working_bytes, rendition_bytes);
        let (turn, room) = turn.await?;
        let bytes = self.blobs.get(&master.digest).await?.ok_or_else(|| {
            ApiError::internal(format!("the master {} is missing", master.digest))
        })?;
        if is_master {
            came_from("master");
            return Ok((bytes, room));
        }
        let processor = self.processors.clone().acquire_owned().await;
        let processor = processor.map_err(ApiError::internal)?;
        let render = move || {
            let rendered = rendition::render(&bytes, &spec);
            drop(processor);
            rendered
        };
        let (rendered, _working) = turn.run(render).await?;
        let rendered = rendered.map_err(ApiError::internal)?;
        came_from("rendered");
        let rendered = freed_elsewhere(rendered);
        self.disk.put(name, rendered.clone()).await;
        Ok((rendered, room))
    }
}

/// The error of work that several requests waited for.
fn shared_error(shared: &Arc<ApiError>) -> ApiError {
    ApiError::new(shared.kind.clone(), shared.message.clone()).caused_by(shared.to_string())
}

/// Counts a rendition by its source: the share of `memory` and `disk` is the cache's hit rate.
fn came_from(source: &'static str) {
    metrics::counter!(metric::RENDITIONS, "source" => source).increment(1);
}
