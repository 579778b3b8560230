//! How far the log and its readers have come, for metrics and for readiness checks.

use std::time::{Duration, UNIX_EPOCH};

use photolog_domain::Timestamp;
use photolog_store::{Position, Store, StoreError};
use photolog_telemetry::metric;

use crate::image_view::ImageView;
use crate::relay::Relay;

/// How often to look. Alarms think in minutes.
const INTERVAL: Duration = Duration::from_secs(5);

/// What the database says, whatever the state of the loops.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// Where the log ends.
    pub head: Position,
    /// Up to where lists and public links follow it.
    pub shown: Position,
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
    pub async fn of(store: &Store) -> Result<Self, StoreError> {
        // The head last: else a lag below zero could show.
        let shown = store
            .checkpoint(ImageView::NAME, ImageView::VERSION)
            .await?;
        let unsequenced_since = store.oldest_unsequenced().await?;
        let has_lead = store.has_lead().await?;
        let head = store.log_head().await?;
        Ok(Self {
            head,
            shown,
            unsequenced_for: unsequenced_since.map_or(Duration::ZERO, age),
            has_lead,
        })
    }

    /// Entries of the log that lists and public links lack.
    pub fn lag(&self) -> u64 {
        self.head.saturating_sub(self.shown).unsigned_abs()
    }

    /// Sets the metrics.
    pub fn export(&self) {
        metrics::gauge!(metric::LOG_HEAD).set(self.head as f64);
        metrics::gauge!(metric::PROJECTION_LAG, "projection" => ImageView::NAME)
            .set(self.lag() as f64);
        metrics::gauge!(metric::SEQUENCING_AGE_SECONDS).set(self.unsequenced_for.as_secs_f64());
        metrics::gauge!(metric::HAS_LEAD).set(f64::from(u8::from(self.has_lead)));
    }
}

/// Sets the metrics of a projector again and again.
pub(crate) async fn run(store: &Store, relay: &Relay) {
    loop {
        if let Err(error) = look(store, relay).await {
            tracing::debug!(%error, "the progress could not be read");
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

async fn look(store: &Store, relay: &Relay) -> Result<(), StoreError> {
    let relayed = relay.position().await?;
    let progress = Progress::of(store).await?;
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
