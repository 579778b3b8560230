//! Both sides of the image view: the rows a projection writes, the questions the API asks.

use std::time::Duration;

use photolog_domain::{AccountId, ImageId, ImageState, Master, PublicId};

use crate::event_store::Appended;
use crate::{Position, Store, StoreError};

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

impl Store {
    /// A page of an account's images, newest first, disabled ones included.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list_images(
        &self,
        _account: AccountId,
        _skip: u64,
        _count: u64,
    ) -> Result<Vec<ImageRow>, StoreError> {
        unimplemented!()
    }

    /// The image behind a public link.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn public_image(
        &self,
        _public_id: &PublicId,
    ) -> Result<Option<PublicImage>, StoreError> {
        unimplemented!()
    }

    /// Waits until the image view shows an append; `false` when `timeout` ran out first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn wait_until_visible(
        &self,
        _appended: &Appended,
        _timeout: Duration,
    ) -> Result<bool, StoreError> {
        unimplemented!()
    }

    /// How far a projection has come; 0 when it never ran or ran with another `version`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn checkpoint(
        &self,
        _projection: &str,
        _version: u32,
    ) -> Result<Position, StoreError> {
        unimplemented!()
    }

    /// The rows of these images, in no order; missing ones are left out.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn image_rows(&self, _images: &[ImageId]) -> Result<Vec<ImageRow>, StoreError> {
        unimplemented!()
    }

    /// Writes rows and moves the projection's checkpoint from `from` to `to` in one transaction.
    /// `false`, and nothing written, when another projector moved it first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn save_image_rows(
        &self,
        _projection: &str,
        _version: u32,
        _from: Position,
        _to: Position,
        _rows: &[ImageRow],
    ) -> Result<bool, StoreError> {
        unimplemented!()
    }
}
