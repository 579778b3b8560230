//! Starts the roles of a process: all of them, or only the API.

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

/// How long to wait for the read models before serving without waiting any longer.
const PATIENCE: Duration = Duration::from_secs(30);

/// The roles of this process.
#[derive(Clone, Debug)]
pub enum Roles {
    /// All roles; events are published according to these settings.
    All(RelaySettings),
    /// Only the API; projectors run in other processes.
    Api,
}

/// Serves until Ctrl-C or SIGTERM, then finishes the requests in flight.
///
/// # Errors
/// When a setting cannot be used; the message names it.
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
    server.serve(Box::pin(shutdown_signal()?)).await;
    stop_projector.send_replace(true);
    if let Some(projector) = projector {
        projector.await.context("the projector failed")?;
    }
    store.close().await;
    Ok(())
}

/// Lets the projections reach the end of the log, so that the first list after a crash shows
/// everything that was acknowledged before it. The wait is limited, because a stuck projection must
/// not block writes and single reads.
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
    let mut interrupt = signal(SignalKind::interrupt()).context("signals cannot be handled")?;
    let mut terminate = signal(SignalKind::terminate()).context("signals cannot be handled")?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        tracing::info!("stopping: finishing the requests in flight");
    })
}
