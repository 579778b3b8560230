//! What every projection promises: a read model that follows the log, at its own pace.
//!
//! A new one is a file that implements [`Projection`], and a line in [`projections`].
//!
//! [`projections`]: crate::projections::projections

use std::error::Error;
use std::fmt::Debug;

use futures::FutureExt;
use futures::future::BoxFuture;
use photolog_store::{LogEntry, Position, Store, StoreError};

/// A read model that follows the log.
pub trait Projection: Debug + Send + Sync {
    /// Its name among the checkpoints, on the command line and in metrics; never changes.
    fn name(&self) -> &'static str;

    /// Raised when the shape of its rows changes: the read model then begins anew.
    fn version(&self) -> u32;

    /// Takes a batch into the read model, and moves the checkpoint from its beginning to its end.
    /// `false`, and no row changed for good, when another projector moved the checkpoint first.
    ///
    /// Rows in the database change in one transaction with the checkpoint, as by
    /// [`Store::save_image_rows`]: each event counts exactly once. Rows elsewhere are made durable
    /// first, and [`Store::move_checkpoint`] comes last: each event comes at least once, so what is in
    /// the rows already must change nothing. A batch from 0 replaces all rows that there are.
    ///
    /// # Errors
    /// When the database fails, the rows cannot be written, or an entry cannot be projected; the same
    /// entries come again later.
    fn apply<'a>(
        &'a self,
        store: &'a Store,
        batch: Batch<'a>,
    ) -> BoxFuture<'a, Result<bool, ProjectionError>>;

    /// Builds the read model anew, and reports from time to time how far it has come. Unless a
    /// projection does better, the checkpoint is removed, and readers see the rows as they come.
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

/// What comes next in the log, at least one entry.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    /// Where the checkpoint is.
    pub from: Position,
    /// The position of the last entry.
    pub to: Position,
    /// All entries after `from` up to `to`, in order.
    pub entries: &'a [LogEntry],
}

/// How far a rebuild has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RebuildProgress {
    /// The position that was folded last.
    pub position: Position,
    /// Where the log ends.
    pub head: Position,
}

/// The outcome of [`Projection::rebuild`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rebuilt {
    /// The rebuilt read model is the one in use.
    InUse,
    /// The projector that leads fills the read model from the first event on.
    Begun,
}

/// Why a projection cannot go on for now.
#[derive(Debug, thiserror::Error)]
pub enum ProjectionError {
    /// The database failed, or an entry cannot be projected.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Rows outside the database cannot be read or written.
    #[error("the rows cannot be read or written")]
    Rows(#[source] Box<dyn Error + Send + Sync>),
}
