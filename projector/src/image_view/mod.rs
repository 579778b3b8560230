//! The image view: one row per image, folded by the domain's own `apply`. Lists and public links
//! are answered from it.

use std::collections::BTreeMap;

use cqrs_es::Aggregate;
use photolog_domain::{Image, ImageEvent, ImageId, ImageState};
use photolog_store::{ImageRow, LogEntry, Position, Store, StoreError, StoredAggregate};

/// Most images kept in memory between steps, and the most bytes of one; a row is commonly below 1 KB.
const KNOWN: usize = 1_000;
const KNOWN_BYTES: usize = 16 << 10;

/// Bytes of events that are read without a pause for others who wait for the thread.
const BYTES_AT_ONCE: usize = 128 << 10;

/// The projection and how far it has come.
#[derive(Debug)]
pub struct ImageView {
    store: Store,
    /// `None` until read from the database, and again after another projector moved it.
    checkpoint: Option<Position>,
    /// Rows as of the checkpoint, of images that changed lately: they often change again.
    known: BTreeMap<ImageId, Fold>,
}

/// What one step brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advance {
    /// As many entries as asked for were projected: the log may hold more.
    Advanced,
    /// All entries there were are projected.
    AtTheEnd,
    /// Another projector is at work.
    Outrun,
}

impl ImageView {
    /// Its name among the checkpoints; never changes.
    pub const NAME: &'static str = "image_view";
    /// Raised when the shape of a row changes: the view is then built anew.
    pub const VERSION: u32 = 1;

    /// A view that goes on where the last one stopped.
    pub fn new(store: Store) -> Self {
        Self {
            store,
            checkpoint: None,
            known: BTreeMap::new(),
        }
    }

    /// The position up to which the view is known to be complete.
    pub fn checkpoint(&self) -> Position {
        self.checkpoint.unwrap_or(0)
    }

    /// Projects at most `limit` entries.
    ///
    /// # Errors
    /// When the database fails, or an entry cannot be projected; nothing is written then.
    pub async fn advance(&mut self, limit: u32) -> Result<Advance, StoreError> {
        let from = match self.checkpoint {
            Some(checkpoint) => checkpoint,
            None => *self
                .checkpoint
                .insert(self.store.checkpoint(Self::NAME, Self::VERSION).await?),
        };
        let entries = self.store.read_log(from, limit).await?;
        let Some(last) = entries.last() else {
            return Ok(Advance::AtTheEnd);
        };
        let to = last.position;
        let count = entries.len();
        let folds = self.fold(entries).await?;
        let rows: Vec<ImageRow> = folds
            .iter()
            .filter_map(|(image, fold)| fold.clone().into_row(*image))
            .collect();
        let saved = self
            .store
            .save_image_rows(Self::NAME, Self::VERSION, from, to, &rows)
            .await?;
        if saved {
            self.checkpoint = Some(to);
            if self.known.len() >= KNOWN {
                self.known.clear();
            }
            for (image, fold) in folds {
                if fold.image.size_bytes() <= KNOWN_BYTES {
                    self.known.insert(image, fold);
                } else {
                    self.known.remove(&image);
                }
            }
            Ok(match count < limit as usize {
                true => Advance::AtTheEnd,
                false => Advance::Advanced,
            })
        } else {
            self.checkpoint = None;
            self.known.clear();
            Ok(Advance::Outrun)
        }
    }

    /// The images of these entries as they are after them.
    async fn fold(&self, entries: Vec<LogEntry>) -> Result<BTreeMap<ImageId, Fold>, StoreError> {
        let entries = entries
            .into_iter()
            .filter(|entry| entry.aggregate_type == Image::TYPE)
            .map(|entry| Ok((image_of(&entry)?, entry)))
            .collect::<Result<Vec<_>, StoreError>>()?;
        let mut folds: BTreeMap<ImageId, Fold> = BTreeMap::new();
        let mut unknown = Vec::new();
        for (image, entry) in &entries {
            match self.known.get(image) {
                Some(fold) => _ = folds.insert(*image, fold.clone()),
                // Its first event: there is no row yet.
                None if entry.sequence == 1 => {}
                None => unknown.push(*image),
            }
        }
        if !unknown.is_empty() {
            for row in self.store.image_rows(&unknown).await? {
                folds.insert(row.image, row.into());
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
            let fold = folds.entry(image).or_default();
            fold.apply(entry.position, entry.sequence, event)?;
        }
        Ok(folds)
    }
}

/// The image of an entry of its stream.
pub(crate) fn image_of(entry: &LogEntry) -> Result<ImageId, StoreError> {
    entry.aggregate_id.parse().map_err(|error| {
        StoreError::Corrupt(format!("stream of position {}: {error}", entry.position))
    })
}

/// An image folded so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fold {
    image: Image,
    sequence: u64,
    created_position: Position,
}

impl Fold {
    /// Takes the next event; one that is in already changes nothing.
    pub(crate) fn apply(
        &mut self,
        position: Position,
        sequence: u64,
        event: ImageEvent,
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
        self.image.apply(event);
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
