//! The contract of a projection: a read model that follows the log at its own pace.
//!
//! A new projection is a file that implements [`Projection`], and a line in [`projections`].
//!
//! [`projections`]: crate::projections::projections

use std::error::Error;
use std::fmt::Debug;

use futures::FutureExt;
use futures::future::BoxFuture;
use photolog_store::{LogEntry, Position, Store, StoreError};

/// A read model that follows the log.
pub trait Projection: Debug + Send + Sync {
    /// Its name in checkpoints, on the command line and in metrics; never changes.
    fn name(&self) -> &'static str;

    /// Incremented when the format of its rows changes; the read model then starts over.
    fn version(&self) -> u32;

    /// Applies a batch to the read model, and moves the checkpoint from the batch's beginning to its
    /// end. Returns `false`, with no lasting change, when another projector moved the checkpoint
    /// first.
    ///
    /// Rows in the database change in one transaction with the checkpoint, as in
    /// [`Store::save_image_rows`]: each event is applied exactly once. Rows elsewhere are made
    /// durable first, and [`Store::move_checkpoint`] comes last: each event arrives at least once, so
    /// an event that the rows already include must change nothing. A batch from 0 replaces all
    /// existing rows.
    ///
    /// # Errors
    /// When the database fails, the rows cannot be written, or an entry cannot be projected; the same
    /// entries are retried later.
    fn apply<'a>(
        &'a self,
        store: &'a Store,
        batch: Batch<'a>,
    ) -> BoxFuture<'a, Result<bool, ProjectionError>>;

    /// Rebuilds the read model, and reports its progress from time to time. By default this removes
    /// the checkpoint, and readers see the rows as they are written.
    ///
    /// # Errors
    /// When the database fails, or an entry cannot be projected.
    fn rebuild<'a>(
        &'a self,
        store: &'a Store,
        _report: &'a mut (dyn FnMut(RebuildProgress) + Send),
    ) -> BoxFuture<'a, Result<Rebuilt, ProjectionError>> {
        async {
            store.forget_checkpoint(self.name()).await?;
            Ok(Rebuilt::Begun)
        }
        .boxed()
    }
}

/// The next entries of the log, at least one.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    /// The position of the checkpoint.
    pub from: Position,
    /// The position of the last entry.
    pub to: Position,
    /// All entries after `from` up to `to`, in order.
    pub entries: &'a [LogEntry],
}

/// The progress of a rebuild.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RebuildProgress {
    /// The last position that was folded.
    pub position: Position,
    /// The end of the log.
    pub head: Position,
}

/// The outcome of [`Projection::rebuild`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rebuilt {
    /// The rebuilt read model is in use.
    InUse,
    /// The leading projector fills the read model from the first event on.
    Begun,
}

/// Why a projection cannot continue for now.
#[derive(Debug, thiserror::Error)]
pub enum ProjectionError {
    /// The database failed, or an entry cannot be projected.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Rows outside the database cannot be read or written.
    #[error("the rows cannot be read or written")]
    Rows(#[source] Box<dyn Error + Send + Sync>),
}
