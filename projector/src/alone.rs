//! A projector as a separate process beside API nodes: `photolog projector`.

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::projections::projections;
use crate::runner::Projector;
use crate::settings::{DatabaseSettings, RelaySettings};

/// Sequences, projects and relays until Ctrl-C or SIGTERM. Of any number of these processes one works;
/// the others stand by.
///
/// # Errors
/// When a setting is invalid; each message names it.
pub async fn run(database: &DatabaseSettings, relay: RelaySettings) -> anyhow::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt()).context("signals cannot be handled")?;
    let mut terminate = signal(SignalKind::terminate()).context("signals cannot be handled")?;
    let store = database.find_postgres().await?;
    let (stop, stops) = watch::channel(false);
    let projector = Projector::new(store.clone(), relay, projections());
    let projector = tokio::spawn(projector.run(stops));
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    stop.send_replace(true);
    projector.await.context("the projector failed")?;
    store.close().await;
    Ok(())
}
