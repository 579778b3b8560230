//! Rebuilds the image view from the whole log, beside the one in use, and swaps them.
//!
//! The folds stay in memory until the end (about a kilobyte per image), so that each row is written
//! once however many events its image has. The service continues to read and write meanwhile.

use std::collections::{BTreeMap, BTreeSet};

use cqrs_es::Aggregate;
use photolog_domain::{Image, ImageId};
use photolog_store::{ImageRow, LogEntry, Position, RebuiltView, Store, StoreError, Swapped};

use super::{Fold, ImageView, image_of};
use crate::projection::RebuildProgress;

/// Entries per read.
const BATCH: u32 = 10_000;

/// Rows per statement.
const ROWS: usize = 5_000;

/// The images folded so far.
#[derive(Default)]
struct Folds {
    images: BTreeMap<ImageId, Fold>,
    /// Those that have changed since their rows were written.
    touched: BTreeSet<ImageId>,
    position: Position,
}

/// Rebuilds the image view, and reports its progress from time to time.
///
/// When another process is rebuilding it, the database fails, or an entry cannot be projected; the
/// view in use is then unchanged.
/// use stays as it is.
pub(super) async fn rebuild(
    store: &Store,
    report: &mut (dyn FnMut(RebuildProgress) + Send),
) -> Result<(), StoreError> {
    let mut view = store.begin_rebuilt_view().await?;
    let mut folds = Folds::default();
    loop {
        folds.advance(store, report).await?;
        folds.write(&mut view).await?;
        let (name, version) = (ImageView::NAME, ImageView::VERSION);
        let swapped = view.swap(name, version, folds.position, folds.rows());
        match swapped.await? {
            Swapped::Yes => return Ok(()),
            Swapped::Behind(position) => tracing::debug!(position, "following the view in use"),
        }
    }
}

impl Folds {
    /// Folds the log to its end, reading ahead while it folds.
    async fn advance(
        &mut self,
        store: &Store,
        report: &mut (dyn FnMut(RebuildProgress) + Send),
    ) -> Result<(), StoreError> {
        let mut entries = store.read_log(self.position, BATCH).await?;
        while let Some(last) = entries.last() {
            let position = last.position;
            let ahead = {
                let store = store.clone();
                tokio::spawn(async move { store.read_log(position, BATCH).await })
            };
            for entry in entries {
                self.fold(entry)?;
            }
            self.position = position;
            let head = store.log_head().await?;
            report(RebuildProgress { position, head });
            entries = ahead
                .await
                .map_err(|error| StoreError::Corrupt(error.to_string()))??;
        }
        Ok(())
    }

    fn fold(&mut self, entry: LogEntry) -> Result<(), StoreError> {
        if entry.aggregate_type != Image::TYPE {
            return Ok(());
        }
        let image = image_of(&entry)?;
        let event = entry.event()?;
        let fold = self.images.entry(image).or_default();
        self.touched.insert(image);
        fold.apply(entry.position, entry.sequence, event)
    }

    /// The number of rows.
    fn rows(&self) -> u64 {
        let images = self.images.values();
        images.filter(|fold| fold.state().is_some()).count() as u64
    }

    async fn write(&mut self, view: &mut RebuiltView) -> Result<(), StoreError> {
        let touched = std::mem::take(&mut self.touched);
        let mut rows = touched
            .into_iter()
            .filter_map(|image| self.images.get(&image)?.clone().into_row(image))
            .peekable();
        while rows.peek().is_some() {
            let some: Vec<ImageRow> = rows.by_ref().take(ROWS).collect();
            view.save(&some).await?;
        }
        Ok(())
    }
}
