//! The loops over the log: sequence, project, relay; in one process at a time.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use futures::future::{join_all, pending};
use photolog_store::Store;
use tokio::sync::watch;

use crate::follower::{Follower, Stalls};
use crate::progress;
use crate::projection::Projection;
use crate::relay::Relay;
use crate::settings::RelaySettings;

/// How long to wait before trying to take the lead again.
const STAND_BY: Duration = Duration::from_secs(1);

/// Sequences, projects and relays the log while it leads.
#[derive(Debug)]
pub struct Projector {
    store: Store,
    relay: Relay,
    projections: Vec<Arc<dyn Projection>>,
    stalls: watch::Sender<Stalls>,
}

impl Projector {
    /// A projector over this store, not started.
    pub fn new(store: Store, relay: RelaySettings, projections: Vec<Arc<dyn Projection>>) -> Self {
        Self {
            relay: Relay::new(store.clone(), relay),
            store,
            projections,
            stalls: watch::Sender::default(),
        }
    }

    /// The stalled projections.
    pub fn stalls(&self) -> watch::Receiver<Stalls> {
        self.stalls.subscribe()
    }

    /// Runs until `stop` becomes true or its sender is dropped.
    ///
    /// Boxed, so that it is compiled once, with this crate, and not with each program.
    pub fn run(self, stop: watch::Receiver<bool>) -> BoxFuture<'static, ()> {
        self.run_until(stop).boxed()
    }

    async fn run_until(self, mut stop: watch::Receiver<bool>) {
        tokio::select! {
            () = self.lead() => {}
            () = progress::run(&self.store, &self.projections, &self.relay) => {}
            // Work dropped in the middle of a transaction leaves nothing behind.
            _ = stop.wait_for(|stop| *stop) => {}
        }
        if let Err(error) = self.store.resign_lead().await {
            tracing::debug!(%error, "the lead ends with its lease");
        }
    }

    /// Takes the lead whenever no other process has it.
    async fn lead(&self) {
        loop {
            let lost = match self.store.lead().await {
                Ok(mut lead) => {
                    tracing::info!("this process leads");
                    tokio::select! {
                        lost = lead.sequence() => lost.err(),
                        never = self.follow() => match never {},
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

    /// Runs each projection at its own pace: a stalled one delays no other.
    async fn follow(&self) -> Infallible {
        let followers = self.projections.iter().map(|projection| {
            Follower::new(self.store.clone(), projection.clone()).run(&self.stalls)
        });
        join_all(followers).await;
        pending().await
    }
}
