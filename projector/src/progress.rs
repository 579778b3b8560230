//! How far the log and its readers have come, for metrics and for readiness checks.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use photolog_domain::Timestamp;
use photolog_store::{Position, Store, StoreError};
use photolog_telemetry::metric;

use crate::projection::Projection;
use crate::relay::Relay;

/// How often to look. Alarms think in minutes.
const INTERVAL: Duration = Duration::from_secs(5);

/// What the database says, whatever the state of the loops.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// Where the log ends.
    pub head: Position,
    /// The projections, and up to where each follows it.
    pub projected: Vec<(&'static str, Position)>,
    /// How long the oldest event waits for its place in the log.
    pub unsequenced_for: Duration,
    /// Whether a process leads.
    pub has_lead: bool,
}

impl Progress {
    /// Looks.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn of(
        store: &Store,
        projections: &[Arc<dyn Projection>],
    ) -> Result<Self, StoreError> {
        // The head last: otherwise a lag below zero could show.
        let mut projected = Vec::new();
        for projection in projections {
            let (name, version) = (projection.name(), projection.version());
            projected.push((name, store.checkpoint(name, version).await?));
        }
        let unsequenced_since = store.oldest_unsequenced().await?;
        let has_lead = store.has_lead().await?;
        let head = store.log_head().await?;
        Ok(Self {
            head,
            projected,
            unsequenced_for: unsequenced_since.map_or(Duration::ZERO, age),
            has_lead,
        })
    }

    /// The projection that lacks most entries of the log, and up to where it follows.
    pub fn slowest(&self) -> Option<(&'static str, Position)> {
        let projected = self.projected.iter().copied();
        projected.min_by_key(|(_, position)| *position)
    }

    /// Entries of the log that the slowest projection lacks.
    pub fn lag(&self) -> u64 {
        let slowest = self.slowest();
        slowest.map_or(0, |(_, position)| self.lag_of(position))
    }

    fn lag_of(&self, position: Position) -> u64 {
        self.head.saturating_sub(position).unsigned_abs()
    }

    /// Sets the metrics.
    pub fn export(&self) {
        metrics::gauge!(metric::LOG_HEAD).set(self.head as f64);
        for (name, position) in &self.projected {
            metrics::gauge!(metric::PROJECTION_LAG, "projection" => *name)
                .set(self.lag_of(*position) as f64);
        }
        metrics::gauge!(metric::SEQUENCING_AGE_SECONDS).set(self.unsequenced_for.as_secs_f64());
        metrics::gauge!(metric::HAS_LEAD).set(f64::from(u8::from(self.has_lead)));
    }
}

/// Sets the metrics of a projector again and again.
pub(crate) async fn run(store: &Store, projections: &[Arc<dyn Projection>], relay: &Relay) {
    loop {
        if let Err(error) = look(store, projections, relay).await {
            tracing::debug!(%error, "the progress could not be read");
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

async fn look(
    store: &Store,
    projections: &[Arc<dyn Projection>],
    relay: &Relay,
) -> Result<(), StoreError> {
    let relayed = relay.position().await?;
    let progress = Progress::of(store, projections).await?;
    progress.export();
    if let Some(relayed) = relayed {
        metrics::gauge!(metric::RELAY_LAG).set((progress.head - relayed) as f64);
    }
    Ok(())
}

/// A clock that goes back makes nothing younger than now.
fn age(since: Timestamp) -> Duration {
    let since = UNIX_EPOCH + Duration::from_millis(since.unix_millis().unsigned_abs());
    since.elapsed().unwrap_or_default()
}
