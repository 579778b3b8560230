//! Starts the roles of a process: all of them, or the API alone.

use std::time::{Duration, Instant};

use anyhow::Context;
use photolog_api::config::Serving;
use photolog_api::routes::{DIALECTS, Dialects};
use photolog_api::serve::Server;
use photolog_projector::settings::RelaySettings;
use photolog_projector::{Projector, projections};
use photolog_store::{Store, private};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::first_start::welcome;
use crate::installation::{Place, open_blobs, open_store};
use crate::output::say;

/// How long to wait for the read models before serving without them.
const PATIENCE: Duration = Duration::from_secs(30);

/// What this process does.
#[derive(Clone, Debug)]
pub enum Roles {
    /// Everything; events are published as these settings say.
    All(RelaySettings),
    /// The API; projectors run beside it.
    Api,
}

/// Serves until Ctrl-C or SIGTERM, then finishes what is in flight.
///
/// # Errors
/// When a setting cannot be used: each message names it.
pub async fn run(place: &Place, serving: &Serving, roles: Roles) -> anyhow::Result<()> {
    if matches!(roles, Roles::Api) {
        place.database.is_shared()?;
    }
    let address = place.data_dir.join("address");
    private::remove_if_there(&address)
        .context("the file `address` of the last run cannot be removed")?;
    let store = open_store(place).await?;
    let blobs = open_blobs(place).await?;
    let dialects = Dialects(DIALECTS);
    let server = Server::open(store.clone(), blobs, &place.data_dir, serving, dialects).await?;
    let (stop_projector, stops) = watch::channel(false);
    let projector = match roles {
        Roles::Api => None,
        Roles::All(relay) => {
            if store.accounts().await?.is_empty() {
                welcome(place, &store, server.public_url()).await?;
            }
            let projector = Projector::new(store.clone(), relay, projections());
            let projector = tokio::spawn(projector.run(stops));
            catch_up(&store).await?;
            Some(projector)
        }
    };
    say(&format!("Photolog serves at {}", server.public_url()));
    private::replace(&address, server.address().to_string().as_bytes())
        .context("the file `address` cannot be written")?;
    server.serve(shutdown_signal()?).await;
    stop_projector.send_replace(true);
    if let Some(projector) = projector {
        projector.await.context("the projector failed")?;
    }
    store.close().await;
    Ok(())
}

/// Lets the projections come to the end of the log, so that the first list after a crash shows
/// everything that was acknowledged before it. A projection that stands still must not keep
/// writes and single reads from being served, so there is an end to the patience.
async fn catch_up(store: &Store) -> anyhow::Result<()> {
    let head = store.log_head().await?;
    let started = Instant::now();
    for projection in projections() {
        let (name, version) = (projection.name(), projection.version());
        while store.checkpoint(name, version).await? < head {
            if started.elapsed() > PATIENCE {
                tracing::warn!(head, name, "serving before the read models have caught up");
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    Ok(())
}

fn shutdown_signal() -> anyhow::Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt()).context("signals cannot be heard")?;
    let mut terminate = signal(SignalKind::terminate()).context("signals cannot be heard")?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        tracing::info!("stopping: finishing the requests in flight");
    })
}
