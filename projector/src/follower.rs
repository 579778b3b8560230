//! One projection following the log.
//!
//! An entry that cannot be projected stops its projection. The failure is logged and reported to
//! [`Stalls`], and the entry is retried with growing pauses, because a newer program may be able to
//! read it. It is never skipped, because everything after it may depend on it.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use photolog_store::{Position, Store, StoreError};
use tokio::sync::watch;

use crate::backoff::Backoff;
use crate::projection::{Batch, Projection, ProjectionError};

/// Entries per transaction.
const BATCH: u32 = 500;

/// Pauses after failures.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(15));

/// How long to wait for another projector's last step.
const STAND_BY: Duration = Duration::from_secs(1);

/// The stalled projections, by name.
pub type Stalls = BTreeMap<&'static str, Stall>;

/// A projection is stalled, and retries from time to time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stall {
    /// The last position in the read model.
    pub after: Position,
    /// The cause.
    pub problem: String,
}

/// A projection and its progress.
#[derive(Debug)]
pub struct Follower {
    store: Store,
    projection: Arc<dyn Projection>,
    /// `None` until it is read from the database, and again after another projector moved it.
    checkpoint: Option<Position>,
}

/// The outcome of one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advance {
    /// The full limit of entries was projected; the log may have more.
    Advanced,
    /// All entries are projected.
    AtTheEnd,
    /// Another projector is running.
    Outrun,
}

impl Follower {
    /// Continues where the projection last stopped.
    pub fn new(store: Store, projection: Arc<dyn Projection>) -> Self {
        Self {
            store,
            projection,
            checkpoint: None,
        }
    }

    /// Projects at most `limit` entries.
    ///
    /// # Errors
    /// When the database fails, or an entry cannot be projected; the checkpoint stays where it is.
    pub async fn advance(&mut self, limit: u32) -> Result<Advance, ProjectionError> {
        let from = match self.checkpoint {
            Some(checkpoint) => checkpoint,
            None => self.look_up_checkpoint().await?,
        };
        let entries = self.store.read_log(from, limit).await?;
        let Some(last) = entries.last() else {
            // A rebuild may have removed the checkpoint; at the end, this query delays no event.
            self.look_up_checkpoint().await?;
            return Ok(Advance::AtTheEnd);
        };
        let batch = Batch {
            from,
            to: last.position,
            entries: &entries,
        };
        if !self.projection.apply(&self.store, batch).await? {
            self.checkpoint = None;
            return Ok(Advance::Outrun);
        }
        self.checkpoint = Some(batch.to);
        Ok(match entries.len() < limit as usize {
            true => Advance::AtTheEnd,
            false => Advance::Advanced,
        })
    }

    async fn look_up_checkpoint(&mut self) -> Result<Position, StoreError> {
        let (name, version) = (self.projection.name(), self.projection.version());
        let checkpoint = self.store.checkpoint(name, version).await?;
        Ok(*self.checkpoint.insert(checkpoint))
    }

    /// Follows the log forever.
    pub(crate) async fn run(mut self, stalls: &watch::Sender<Stalls>) -> Infallible {
        let name = self.projection.name();
        let mut limit = BATCH;
        let mut backoff = BACKOFF;
        loop {
            match self.advance(limit).await {
                Ok(step) => {
                    limit = BATCH.min(limit * 2);
                    backoff.reset();
                    stalls.send_if_modified(|stalls| stalls.remove(name).is_some());
                    match step {
                        Advance::Advanced => {}
                        Advance::AtTheEnd => self.store.log_grew(self.position()).await,
                        Advance::Outrun => tokio::time::sleep(STAND_BY).await,
                    }
                }
                // One entry fails its whole batch: get as close to it as possible.
                Err(error) if limit > 1 && !is_unavailable(&error) => limit /= 2,
                Err(error) => {
                    let stall = self.stall(&error);
                    stalls.send_modify(|stalls| _ = stalls.insert(name, stall));
                    backoff.pause().await;
                }
            }
        }
    }

    /// The position up to which the read model is known to be complete.
    fn position(&self) -> Position {
        self.checkpoint.unwrap_or(0)
    }

    fn stall(&self, error: &ProjectionError) -> Stall {
        let after = self.position();
        tracing::error!(
            projection = self.projection.name(),
            after,
            error = %error,
            cause = std::error::Error::source(error),
            "the projection is stalled"
        );
        Stall {
            after,
            problem: error.to_string(),
        }
    }
}

fn is_unavailable(error: &ProjectionError) -> bool {
    matches!(error, ProjectionError::Store(StoreError::Unavailable(_)))
}
