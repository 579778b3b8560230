//! The loops behind the log: sequence, project, relay; by one process at a time.
//!
//! An entry that cannot be projected stops the projection: it is told in the log and in
//! [`Status`], and tried again with growing pauses, for the database may be mended.
//! It is never skipped, because everything after it may depend on it.

use std::time::Duration;

use photolog_store::{Position, Store, StoreError};
use tokio::sync::watch;

use crate::image_view::{Advance, ImageView};
use crate::progress;
use crate::relay::Relay;
use crate::settings::RelaySettings;

/// Entries in one transaction.
const BATCH: u32 = 500;

/// The first pause after a failure, doubled with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// The longest pause after a failure.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// How long to wait before asking for the lead again, and for another projector's last step.
const STAND_BY: Duration = Duration::from_secs(1);

/// How a projection is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Status {
    /// It follows the log.
    #[default]
    Running,
    /// It stands still and tries again from time to time.
    Stopped {
        /// The last position that is in the read model.
        after: Position,
        /// What stopped it.
        problem: String,
    },
}

/// Sequences the log, projects and relays it, while it leads.
#[derive(Debug)]
pub struct Projector {
    store: Store,
    relay: Relay,
    status: watch::Sender<Status>,
}

impl Projector {
    /// A projector over this store, at rest.
    pub fn new(store: Store, relay: RelaySettings) -> Self {
        Self {
            relay: Relay::new(store.clone(), relay),
            store,
            status: watch::Sender::default(),
        }
    }

    /// How it is doing, for readiness checks.
    pub fn status(&self) -> watch::Receiver<Status> {
        self.status.subscribe()
    }

    /// Runs until `stop` turns true or its sender is gone.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        tokio::select! {
            () = self.lead() => {}
            () = progress::run(&self.store, &self.relay) => {}
            // Dropped in the middle of a transaction, the work leaves nothing of it behind.
            _ = stop.wait_for(|stop| *stop) => {}
        }
        if let Err(error) = self.store.resign_lead().await {
            tracing::debug!(%error, "the lead ends with its lease");
        }
    }

    /// Leads whenever no other process does.
    async fn lead(&self) {
        loop {
            let lost = match self.store.lead().await {
                Ok(mut lead) => {
                    tracing::info!("this process leads");
                    tokio::select! {
                        lost = lead.sequence() => lost.err(),
                        () = self.follow() => None,
                        never = self.relay.run() => match never {},
                    }
                }
                Err(error) => Some(error),
            };
            if let Some(error) = lost {
                tracing::warn!(error = %error, cause = std::error::Error::source(&error), "no lead");
            }
            tokio::time::sleep(STAND_BY).await;
        }
    }

    async fn follow(&self) {
        let mut view = ImageView::new(self.store.clone());
        let mut limit = BATCH;
        let mut pause = FIRST_PAUSE;
        loop {
            match view.advance(limit).await {
                Ok(step) => {
                    (limit, pause) = (BATCH.min(limit * 2), FIRST_PAUSE);
                    self.status
                        .send_if_modified(|status| std::mem::take(status) != Status::Running);
                    match step {
                        Advance::Advanced => {}
                        Advance::AtTheEnd => self.store.log_grew(view.checkpoint()).await,
                        Advance::Outrun => tokio::time::sleep(STAND_BY).await,
                    }
                }
                // One entry spoils its batch: come as close to it as possible.
                Err(error) if limit > 1 && !matches!(error, StoreError::Unavailable(_)) => {
                    limit /= 2;
                }
                Err(error) => {
                    self.stand_still(view.checkpoint(), &error);
                    tokio::time::sleep(pause).await;
                    pause = LONGEST_PAUSE.min(pause * 2);
                }
            }
        }
    }

    fn stand_still(&self, after: Position, error: &StoreError) {
        tracing::error!(
            projection = ImageView::NAME,
            after,
            error = %error,
            cause = std::error::Error::source(error),
            "the projection stands still"
        );
        self.status.send_replace(Status::Stopped {
            after,
            problem: error.to_string(),
        });
    }
}
