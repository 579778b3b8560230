//! Both sides of the image view: the rows a projection writes, the questions the API asks.

use std::time::Duration;

use photolog_domain::{Digest, ImageId, ImageState, Master, PublicId};

use crate::event_store::Appended;
use crate::{Backend, Position, Store, StoreError};

/// One image as the read model has it.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageRow {
    /// The image.
    pub image: ImageId,
    /// Sequence of the last event folded into it.
    pub sequence: u64,
    /// Position of its first event: lists are ordered by it, newest first.
    pub created_position: Position,
    /// The fold.
    pub state: ImageState,
}

/// What a public link needs to know.
#[derive(Clone, Debug, PartialEq)]
pub struct PublicImage {
    /// The image.
    pub image: ImageId,
    /// The picture to render from.
    pub master: Master,
    /// Whether the picture has transparency.
    pub has_alpha: bool,
}

impl From<ImageRow> for PublicImage {
    fn from(row: ImageRow) -> Self {
        Self {
            image: row.image,
            master: row.state.master,
            has_alpha: row.state.content.has_alpha,
        }
    }
}

/// How often a waiter looks for itself, should the projector live in another process or its
/// message be lost.
const LOOK: Duration = Duration::from_millis(200);

impl Store {
    /// The image behind a public link.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn public_image(
        &self,
        public_id: &PublicId,
    ) -> Result<Option<PublicImage>, StoreError> {
        let row = match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.image_row_by_public_id(public_id).await?,
            Backend::Postgres(postgres) => postgres.image_row_by_public_id(public_id).await?,
        };
        Ok(row.map(PublicImage::from))
    }

    /// Whether the image view has an image that shows this master.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn is_master(&self, digest: &Digest) -> Result<bool, StoreError> {
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.is_master(digest).await,
            Backend::Postgres(postgres) => postgres.is_master(digest).await,
        }
    }

    /// Waits until the image view shows an append; `false` when `timeout` ran out first.
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
            let told = tokio::time::timeout_at(look, shown.reaches(appended.sequence)).await;
            if told.is_ok() {
                return Ok(true);
            }
            if self.visible_sequence(image).await? >= appended.sequence {
                // Nobody said so, or will a moment later.
                self.visibility.changed();
                return Ok(true);
            }
            if look == deadline {
                return Ok(false);
            }
        }
    }

    async fn visible_sequence(&self, image: ImageId) -> Result<u64, StoreError> {
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.visible_sequence(image).await,
            Backend::Postgres(postgres) => postgres.visible_sequence(image).await,
        }
    }

    /// How far a projection has come; 0 when it never ran or ran with another `version`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn checkpoint(&self, projection: &str, version: u32) -> Result<Position, StoreError> {
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.checkpoint(projection, version).await,
            Backend::Postgres(postgres) => postgres.checkpoint(projection, version).await,
        }
    }

    /// Sets how far something that follows the log has come, which keeps no rows here.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn set_checkpoint(
        &self,
        projection: &str,
        version: u32,
        position: Position,
    ) -> Result<(), StoreError> {
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.set_checkpoint(projection, version, position).await,
            Backend::Postgres(postgres) => {
                postgres.set_checkpoint(projection, version, position).await
            }
        }
    }

    /// The rows of these images, in no order; missing ones are left out.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn image_rows(&self, images: &[ImageId]) -> Result<Vec<ImageRow>, StoreError> {
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.image_rows(images).await,
            Backend::Postgres(postgres) => postgres.image_rows(images).await,
        }
    }

    /// How many rows the image view has, for `verify`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn count_images(&self) -> Result<u64, StoreError> {
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.count_images().await,
            Backend::Postgres(postgres) => postgres.count_images().await,
        }
    }

    /// Writes rows and moves the projection's checkpoint from `from` to `to` in one transaction.
    /// `false`, and nothing written, when another projector moved it first.
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
        let step = Step {
            projection,
            version,
            from,
            to,
        };
        let saved = match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.save_image_rows(&step, rows).await?,
            Backend::Postgres(postgres) => postgres.save_image_rows(&step, rows).await?,
        };
        if saved {
            self.visibility
                .show(rows.iter().map(|row| (row.image, row.sequence)));
        }
        Ok(saved)
    }
}

/// One step of a projection along the log.
#[derive(Debug)]
pub(crate) struct Step<'a> {
    pub(crate) projection: &'a str,
    pub(crate) version: u32,
    pub(crate) from: Position,
    pub(crate) to: Position,
}
