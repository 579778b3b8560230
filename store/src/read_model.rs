//! The image view: its rows, and the progress of the log's followers.

use crate::chain::Position;
use crate::error::StoreError;
use photolog_domain::{ImageId, ImageState, Master};

/// One image in the read model.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageRow {
    /// The image.
    pub image: ImageId,
    /// Sequence of the last event folded into it.
    pub sequence: u64,
    /// Position of its first event; lists are ordered by it, newest first.
    pub created_position: Position,
    /// The fold.
    pub state: ImageState,
}

/// The progress of a follower of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bookmark {
    /// The last position that it has processed.
    pub position: Position,
    /// The follower's own counter as of then.
    pub mark: u64,
}

/// The data behind a public link.
#[derive(Clone, Debug, PartialEq)]
pub struct PublicImage {
    /// The image.
    pub image: ImageId,
    /// The image to render from.
    pub master: Master,
    /// Whether it has transparency.
    pub has_alpha: bool,
}

impl TryFrom<ImageRow> for PublicImage {
    type Error = StoreError;

    fn try_from(row: ImageRow) -> Result<Self, StoreError> {
        if row.state.has_newer_events {
            return Err(StoreError::WrittenByNewerVersion);
        }
        Ok(Self {
            image: row.image,
            master: row.state.master,
            has_alpha: row.state.content.has_alpha,
        })
    }
}

/// One step of a projection along the log.
#[derive(Debug)]
pub(crate) struct CheckpointMove<'a> {
    pub(crate) projection: &'a str,
    pub(crate) version: u32,
    pub(crate) from: Position,
    pub(crate) to: Position,
}

/// The outcome of [`RebuiltView::swap`](crate::RebuiltView::swap).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Swapped {
    /// The rebuilt view is now in use.
    Yes,
    /// The view in use has advanced to this position: the rebuilt one must catch up first.
    Behind(Position),
}
