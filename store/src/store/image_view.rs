//! Both sides of the image view: the rows that a projection writes, and the API's queries.

use std::time::Duration;

use photolog_domain::{ContentHash, ImageId, PublicId};

use super::{Store, on_backend};
use crate::append::Appended;
use crate::backend::ImageTables;
use crate::chain::Position;
use crate::error::StoreError;
use crate::read_model::{Bookmark, CheckpointMove, ImageRow, PublicImage};

/// How often a waiter polls the view, in case the projector is in another process or its
/// notification is lost.
const LOOK: Duration = Duration::from_millis(200);

impl Store {
    /// The image behind a public link, unless its account is closed.
    ///
    /// # Errors
    /// [`StoreError::WrittenByNewerVersion`] when only a newer program can decide whether it may be
    /// shown, and when the database fails.
    pub async fn public_image(
        &self,
        public_id: &PublicId,
    ) -> Result<Option<PublicImage>, StoreError> {
        let row = on_backend!(&self.backend, image_row_by_public_id(public_id))?;
        row.map(PublicImage::try_from).transpose()
    }

    /// Whether the image view contains an image that has this master, belongs to an account that is
    /// not closed, and has no events known only to a newer program.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn is_master(&self, digest: &ContentHash) -> Result<bool, StoreError> {
        on_backend!(&self.backend, is_master(digest))
    }

    /// Waits until the image view shows an append; `false` when `timeout` elapses first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn wait_until_visible(
        &self,
        appended: &Appended,
        timeout: Duration,
    ) -> Result<bool, StoreError> {
        let deadline = tokio::time::Instant::now() + timeout;
        let image = ImageId::new(appended.stream);
        let mut shown = self.visibility.watch(image);
        loop {
            let look = deadline.min(tokio::time::Instant::now() + LOOK);
            let reached = tokio::time::timeout_at(look, shown.reaches(appended.sequence)).await;
            if reached.is_ok() {
                return Ok(true);
            }
            // A longer limit, because the table may be locked while a rebuilt view is swapped in.
            let end = deadline.max(tokio::time::Instant::now() + LOOK);
            let seen = tokio::time::timeout_at(end, self.visible_sequence(image)).await;
            let Ok(seen) = seen else {
                return Ok(false);
            };
            if seen? >= appended.sequence {
                // The notification was lost, or has not arrived yet.
                self.visibility.changed();
                return Ok(true);
            }
            if look == deadline {
                return Ok(false);
            }
        }
    }

    async fn visible_sequence(&self, image: ImageId) -> Result<u64, StoreError> {
        on_backend!(&self.backend, visible_sequence(image))
    }

    /// How far a projection has come; 0 when it never ran or ran with another `version`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn checkpoint(&self, projection: &str, version: u32) -> Result<Position, StoreError> {
        on_backend!(&self.backend, checkpoint(projection, version))
    }

    /// Moves the checkpoint of a projection that keeps its rows elsewhere. `false` when another
    /// projector moved it first, or this process does not lead.
    ///
    /// The rows must already be durable: after a crash in between, the projection processes the same
    /// entries again.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn move_checkpoint(
        &self,
        projection: &str,
        version: u32,
        from: Position,
        to: Position,
    ) -> Result<bool, StoreError> {
        let step = CheckpointMove {
            projection,
            version,
            from,
            to,
        };
        on_backend!(&self.backend, move_checkpoint(&step))
    }

    /// Removes a projection's checkpoint, so that the leading projector starts it over.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn forget_checkpoint(&self, projection: &str) -> Result<(), StoreError> {
        on_backend!(&self.backend, forget_checkpoint(projection))
    }

    /// Where a follower of the log that keeps no rows here stopped; the beginning when it has never
    /// run.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn bookmark(&self, follower: &str) -> Result<Bookmark, StoreError> {
        on_backend!(&self.backend, bookmark(follower))
    }

    /// Stores where a follower stopped.
    ///
    /// # Errors
    /// When the database fails, or this process does not lead.
    pub async fn set_bookmark(&self, follower: &str, at: Bookmark) -> Result<(), StoreError> {
        on_backend!(&self.backend, set_bookmark(follower, at))
    }

    /// The rows of these images, in no particular order; missing images are left out.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn image_rows(&self, images: &[ImageId]) -> Result<Vec<ImageRow>, StoreError> {
        on_backend!(&self.backend, image_rows(images))
    }

    /// Writes rows and moves the projection's checkpoint from `from` to `to` in one transaction.
    /// Returns `false`, and writes nothing, when another projector moved it first, or this process
    /// does not lead.
    ///
    /// The first save of another `version` (with `from` = 0) empties the table before it writes.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn save_image_rows(
        &self,
        projection: &str,
        version: u32,
        from: Position,
        to: Position,
        rows: &[ImageRow],
    ) -> Result<bool, StoreError> {
        let step = CheckpointMove {
            projection,
            version,
            from,
            to,
        };
        let saved = on_backend!(&self.backend, save_image_rows(&step, rows))?;
        if saved {
            self.visibility
                .show(rows.iter().map(|row| (row.image, row.sequence)));
        }
        Ok(saved)
    }
}

impl Store {
    /// A number that changes whenever this process's image view does: anything read before may be
    /// stale.
    pub fn image_view_generation(&self) -> u64 {
        self.visibility.generation()
    }

    /// Changes that number, because an account, and with it its links, was closed or reopened.
    pub fn links_changed(&self) {
        self.visibility.changed();
    }
}
