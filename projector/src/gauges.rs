//! How far the log and its readers have come, as metrics.

use std::time::Duration;

use photolog_store::{Store, StoreError};
use photolog_telemetry::metric;

use crate::image_view::ImageView;

/// How often to look. Alarms think in minutes.
const INTERVAL: Duration = Duration::from_secs(5);

/// Looks again and again. Whatever the projection itself believes, this is what the database says.
pub(crate) async fn run(store: &Store) {
    loop {
        if let Err(error) = look(store).await {
            tracing::debug!(%error, "the progress could not be read");
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

async fn look(store: &Store) -> Result<(), StoreError> {
    // In this order: the other one could show a lag below zero.
    let checkpoint = store
        .checkpoint(ImageView::NAME, ImageView::VERSION)
        .await?;
    let head = store.log_head().await?;
    metrics::gauge!(metric::LOG_HEAD).set(head as f64);
    metrics::gauge!(metric::PROJECTION_LAG, "projection" => ImageView::NAME)
        .set((head - checkpoint) as f64);
    Ok(())
}
