//! Progress of the log and its readers, for metrics and for readiness checks.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use photolog_domain::Timestamp;
use photolog_store::{Position, Store, StoreError};
use photolog_telemetry::metric;

use crate::projection::Projection;
use crate::relay::Relay;

/// How often to query. Alerts are measured in minutes.
const INTERVAL: Duration = Duration::from_secs(5);

/// The progress according to the database, independent of the state of the loops.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// The end of the log.
    pub head: Position,
    /// The projections, and the position of each in the log.
    pub projected: Vec<(&'static str, Position)>,
    /// How long the oldest event has waited for its position in the log.
    pub unsequenced_for: Duration,
    /// Whether any process leads.
    pub has_lead: bool,
}

impl Progress {
    /// Queries the database.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn of(
        store: &Store,
        projections: &[Arc<dyn Projection>],
    ) -> Result<Self, StoreError> {
        // The head is read last; otherwise the lag could be negative.
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

    /// The projection that is furthest behind, and its position in the log.
    pub fn slowest(&self) -> Option<(&'static str, Position)> {
        let projected = self.projected.iter().copied();
        projected.min_by_key(|(_, position)| *position)
    }

    /// The number of log entries by which the slowest projection lags.
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

/// Updates the metrics of a projector periodically.
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

/// If the clock goes back, the age is zero, not negative.
fn age(since: Timestamp) -> Duration {
    let since = UNIX_EPOCH + Duration::from_millis(since.unix_millis().unsigned_abs());
    since.elapsed().unwrap_or_default()
}
