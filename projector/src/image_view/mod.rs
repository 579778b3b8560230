//! The image view: one row per image, folded by the domain's own `apply`. It serves lists and public
//! links.

mod rebuild;

use std::collections::BTreeMap;

use cqrs_es::Aggregate;
use futures::FutureExt;
use futures::future::BoxFuture;
use photolog_domain::{ForwardCompatible, Image, ImageEvent, ImageId, ImageState};
use photolog_store::{ImageRow, LogEntry, Position, Store, StoreError, StoredAggregate};
use tokio::sync::Mutex;

use crate::projection::{Batch, Projection, ProjectionError, RebuildProgress, Rebuilt};

/// Limits for images kept in memory between steps: their number, and the size of each, which is
/// usually below 1 KB.
const KNOWN: usize = 1_000;
const KNOWN_BYTES: usize = 16 << 10;

/// Bytes of events that are processed before the task yields its thread.
const BYTES_AT_ONCE: usize = 128 << 10;

/// The projection.
#[derive(Debug, Default)]
pub struct ImageView {
    known: Mutex<Known>,
}

/// Rows of recently changed images, because these often change again.
#[derive(Debug, Default)]
struct Known {
    /// The position up to which they include events.
    as_of: Position,
    images: BTreeMap<ImageId, Fold>,
}

impl ImageView {
    /// The name of its checkpoint; never changes.
    pub const NAME: &'static str = "image_view";
    /// Incremented when the format of a row changes; the view is then rebuilt.
    pub const VERSION: u32 = 1;
}

impl Projection for ImageView {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn version(&self) -> u32 {
        Self::VERSION
    }

    fn apply<'a>(
        &'a self,
        store: &'a Store,
        batch: Batch<'a>,
    ) -> BoxFuture<'a, Result<bool, ProjectionError>> {
        async move { Ok(self.known.lock().await.apply(store, batch).await?) }.boxed()
    }

    fn rebuild<'a>(
        &'a self,
        store: &'a Store,
        report: &'a mut (dyn FnMut(RebuildProgress) + Send),
    ) -> BoxFuture<'a, Result<Rebuilt, ProjectionError>> {
        async move {
            rebuild::rebuild(store, report).await?;
            Ok(Rebuilt::InUse)
        }
        .boxed()
    }
}

impl Known {
    async fn apply(&mut self, store: &Store, batch: Batch<'_>) -> Result<bool, StoreError> {
        let Batch { from, to, entries } = batch;
        if self.as_of != from {
            self.images.clear();
        }
        let folds = self.fold(store, entries).await?;
        let rows: Vec<ImageRow> = folds
            .iter()
            .filter_map(|(image, fold)| fold.clone().into_row(*image))
            .collect();
        let (name, version) = (ImageView::NAME, ImageView::VERSION);
        let saved = store.save_image_rows(name, version, from, to, &rows);
        if !saved.await? {
            return Ok(false);
        }
        self.as_of = to;
        if self.images.len() >= KNOWN {
            self.images.clear();
        }
        for (image, fold) in folds {
            if fold.image.size_bytes() <= KNOWN_BYTES {
                self.images.insert(image, fold);
            } else {
                self.images.remove(&image);
            }
        }
        Ok(true)
    }

    /// Folds these entries into the images that they concern.
    async fn fold(
        &self,
        store: &Store,
        entries: &[LogEntry],
    ) -> Result<BTreeMap<ImageId, Fold>, StoreError> {
        let entries = entries
            .iter()
            .filter(|entry| entry.aggregate_type == Image::TYPE)
            .map(|entry| Ok((image_of(entry)?, entry)))
            .collect::<Result<Vec<_>, StoreError>>()?;
        let mut folds: BTreeMap<ImageId, Fold> = BTreeMap::new();
        let mut unknown = BTreeMap::new();
        for (image, entry) in &entries {
            match self.images.get(image) {
                Some(fold) => _ = folds.insert(*image, fold.clone()),
                // The image's first event: there is no row yet.
                None if entry.sequence == 1 => {}
                None => _ = unknown.entry(*image).or_insert(entry.sequence - 1),
            }
        }
        if !unknown.is_empty() {
            let images: Vec<_> = unknown.keys().copied().collect();
            for row in store.image_rows(&images).await? {
                unknown.remove(&row.image);
                folds.insert(row.image, row.into());
            }
        }
        for (image, sequence) in unknown {
            if begins_newer(store, image).await? {
                let hidden = Fold {
                    sequence,
                    ..Fold::default()
                };
                folds.insert(image, hidden);
            }
        }
        let mut bytes = 0;
        for (image, entry) in entries {
            bytes += entry.payload.get().len();
            if bytes > BYTES_AT_ONCE {
                bytes = 0;
                tokio::task::yield_now().await;
            }
            let event = entry.event()?;
            if event.is_none() {
                let (position, event_type) = (entry.position, &entry.event_type);
                tracing::warn!(%image, position, event_type, "an event of a newer version of Photolog");
            }
            let fold = folds.entry(image).or_default();
            fold.apply(entry.position, entry.sequence, event)?;
        }
        Ok(folds)
    }
}

/// Whether an image has no row because its first event is known only to a newer program.
async fn begins_newer(store: &Store, image: ImageId) -> Result<bool, StoreError> {
    let first = store.image_events(image, 0, 1).await?.pop();
    Ok(first.is_some_and(|first| first.event.known().is_none()))
}

/// The image of an entry of its stream.
pub(crate) fn image_of(entry: &LogEntry) -> Result<ImageId, StoreError> {
    entry.aggregate_id.parse().map_err(|error| {
        StoreError::Corrupt(format!("stream of position {}: {error}", entry.position))
    })
}

/// The fold of an image so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fold {
    image: Image,
    sequence: u64,
    created_position: Position,
}

impl Fold {
    /// Applies the next event, `None` for one known only to a newer program. An event that is already
    /// included changes nothing.
    pub(crate) fn apply(
        &mut self,
        position: Position,
        sequence: u64,
        event: Option<ImageEvent>,
    ) -> Result<(), StoreError> {
        if sequence <= self.sequence {
            return Ok(());
        }
        if sequence != self.sequence + 1 {
            let before = self.sequence;
            return Err(StoreError::Corrupt(format!(
                "position {position}: sequence {sequence} follows {before}"
            )));
        }
        self.image.apply_read(event);
        self.sequence = sequence;
        if self.created_position == 0 {
            self.created_position = position;
        }
        Ok(())
    }

    /// The state, once there is an image.
    pub(crate) fn state(&self) -> Option<&ImageState> {
        self.image.state()
    }

    /// The row; `None` while there is no image.
    pub(crate) fn into_row(self, image: ImageId) -> Option<ImageRow> {
        let state = self.image.into_state()?;
        Some(ImageRow {
            image,
            sequence: self.sequence,
            created_position: self.created_position,
            state,
        })
    }
}

impl From<ImageRow> for Fold {
    fn from(row: ImageRow) -> Self {
        Self {
            image: row.state.into(),
            sequence: row.sequence,
            created_position: row.created_position,
        }
    }
}
