//! How far the log and its readers have come, as metrics.

use std::time::{Duration, UNIX_EPOCH};

use photolog_domain::Timestamp;
use photolog_store::{Store, StoreError};
use photolog_telemetry::metric;

use crate::image_view::ImageView;
use crate::relay::Relay;

/// How often to look. Alarms think in minutes.
const INTERVAL: Duration = Duration::from_secs(5);

/// Looks again and again. Whatever the loops themselves believe, this is what the database says.
pub(crate) async fn run(store: &Store, relay: &Relay) {
    loop {
        if let Err(error) = look(store, relay).await {
            tracing::debug!(%error, "the progress could not be read");
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

async fn look(store: &Store, relay: &Relay) -> Result<(), StoreError> {
    // The head last: else a lag below zero could show.
    let view = store
        .checkpoint(ImageView::NAME, ImageView::VERSION)
        .await?;
    let relayed = relay.position().await?;
    let unsealed_since = store.oldest_unsealed().await?;
    let head = store.log_head().await?;
    metrics::gauge!(metric::LOG_HEAD).set(head as f64);
    metrics::gauge!(metric::PROJECTION_LAG, "projection" => ImageView::NAME)
        .set((head - view) as f64);
    metrics::gauge!(metric::SEALING_AGE_SECONDS).set(unsealed_since.map_or(0.0, age_seconds));
    if let Some(relayed) = relayed {
        metrics::gauge!(metric::RELAY_LAG).set((head - relayed) as f64);
    }
    Ok(())
}

/// A clock that goes back makes nothing younger than now.
fn age_seconds(since: Timestamp) -> f64 {
    let since = UNIX_EPOCH + Duration::from_millis(since.unix_millis().unsigned_abs());
    since.elapsed().unwrap_or_default().as_secs_f64()
}
