//! The image view: its rows, and how far those who follow the log have come.

use crate::chain::Position;
use crate::error::StoreError;
use photolog_domain::{ImageId, ImageState, Master};

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

/// Where a follower of the log stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bookmark {
    /// The last position that it has dealt with.
    pub position: Position,
    /// What it counts on its own side, as of then.
    pub mark: u64,
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
    /// The rebuilt view is the one in use.
    Yes,
    /// The view in use has come further, to this position: the rebuilt one must follow first.
    Behind(Position),
}
