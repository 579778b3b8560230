//! Starts the roles: all in one process (what `photolog` does without a command), or the API alone.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use photolog_domain::{AccountId, Scope};
use photolog_projector::settings::RelaySettings;
use photolog_projector::{Projector, projections};
use photolog_store::{Store, private};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::app::App;
use crate::auth::Authenticator;
use crate::auth::secret::NewKey;
use crate::cli::output::try_to_print;
use crate::config::{Place, Serving};
use crate::dialect::photolog::openapi;
use crate::edge_push;
use crate::health::HealthWatch;
use crate::http::fair_queue::{FairQueue, QueueLimits};
use crate::http::memory::Memory;
use crate::http::places::Places;
use crate::http::{poll_watch, server};
use crate::installation::{open_blobs, open_store};
use crate::limits::Limits;
use crate::live_feed::LiveFeed;
use crate::operator::Operator;
use crate::operator_commands::open_account;
use crate::picture::Pictures;
use crate::pipeline;
use crate::routes::{DIALECTS, Dialects};

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
    if serving.edge_secret.is_empty() && !serving.edges.is_empty() {
        anyhow::bail!("--edges needs --edge-secret, by which edges know that it is us");
    }
    if matches!(roles, Roles::Api) {
        place.database.is_shared()?;
    }
    if serving.watch_polls {
        poll_watch::turn_on();
    }
    let address = place.data_dir.join("address");
    private::remove_if_there(&address)
        .context("the file `address` of the last run cannot be removed")?;
    let store = open_store(place).await?;
    let blobs = open_blobs(place).await?;
    let listener = TcpListener::bind(serving.listen)
        .await
        .with_context(|| format!("--listen {} cannot be used", serving.listen))?;
    let bound = listener
        .local_addr()
        .context("the address cannot be read")?;
    let pictures = Pictures::open(
        blobs.clone(),
        place.cache_directory(),
        &serving.picture_limits(),
    )
    .await
    .with_context(|| format!("--data-dir {} cannot be used", place.data_dir.display()))?;
    let data_folder = place.data_dir.clone();
    let most_lag = serving.limits.ready_lag;
    let health = HealthWatch::start(store.clone(), blobs.clone(), data_folder, most_lag);
    let public_url = serving.public_url(bound);
    let app = Arc::new(App {
        auth: Authenticator::open(store.clone(), serving.limits.rate_limit).await?,
        places: Places::new(&serving.limits),
        bodies: Memory::new(serving.limits.body_bytes()),
        reads: reads(&serving.limits),
        pictures: Arc::new(pictures),
        health: health.await,
        openapi: openapi::document(DIALECTS, &public_url).to_string().into(),
        public_url,
        edge_secret: serving.edge_secret.clone(),
        limits: serving.limits.clone(),
        live_feed: LiveFeed::start(store.clone()),
        store: store.clone(),
        blobs,
    });
    let (stop_projector, stops) = watch::channel(false);
    let projector = match roles {
        Roles::Api => None,
        Roles::All(relay) => {
            if store.accounts().await?.is_empty() {
                welcome(place, &store, &app.public_url).await?;
            }
            let projector = Projector::new(store.clone(), relay, projections());
            let projector = tokio::spawn(projector.run(stops));
            catch_up(&store).await?;
            Some(projector)
        }
    };
    let edges = serving.edges.clone();
    let push = (!edges.is_empty()).then(|| {
        tokio::spawn(edge_push::follow(
            store.clone(),
            edges,
            serving.edge_secret.clone(),
        ))
    });
    say(&format!("Photolog serves at {}", app.public_url));
    private::replace(&address, bound.to_string().as_bytes())
        .context("the file `address` cannot be written")?;

    let asked = shutdown_signal()?;
    let ending = app.clone();
    let shutdown = async move {
        asked.await;
        ending.live_feed.close();
    };
    server::serve(
        listener,
        pipeline::service(app, Dialects(DIALECTS)),
        &serving.limits,
        shutdown,
    )
    .await;
    if let Some(push) = push {
        push.abort();
    }
    stop_projector.send_replace(true);
    if let Some(projector) = projector {
        projector.await.context("the projector failed")?;
    }
    store.close().await;
    Ok(())
}

/// Reads of much data: as many as there is memory for.
fn reads(limits: &Limits) -> Arc<FairQueue> {
    let allowed = QueueLimits {
        workers: 64,
        workers_of_one: 64,
        bytes: limits.reading_bytes(),
        waiting: limits.requests_per_account.max(1),
        longest_wait: limits.handler(),
    };
    FairQueue::new("read", allowed)
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

/// The first start: a demo account with one key, and the way to use it.
async fn welcome(place: &Place, store: &Store, public_url: &str) -> anyhow::Result<()> {
    let (operator, name) = (Operator::default(), "demo".parse()?);
    let (account, new) = open_account(store, &operator, name, None, Scope::ALL).await?;
    let curl = keep_credentials(&place.data_dir, account, &new)?;
    say(&format!(
        "A demo account is open. Its key is in {}, which only you can read.

  account id  {account}
  key id      {}

Upload a picture, such as the one that comes with Photolog:

  curl -O {public_url}/sample.jpg
  curl -K {} -F image=@sample.jpg {public_url}/accounts/{account}/images

What to do next is at {public_url}/ in a browser, every route at {public_url}/docs
",
        place.data_dir.join("credentials.json").display(),
        new.key_id,
        curl.display()
    ));
    Ok(())
}

/// Keeps the key for programs, and for curl, whose file is returned: a secret on a command line can
/// be read by every user of the machine, and what stands on a terminal stays in its history.
fn keep_credentials(folder: &Path, account: AccountId, new: &NewKey) -> anyhow::Result<PathBuf> {
    let NewKey { key_id, secret, .. } = new;
    let credentials = json!({ "accountID": account, "keyID": key_id, "keySecret": secret });
    private::replace(
        &folder.join("credentials.json"),
        format!("{credentials:#}\n").as_bytes(),
    )
    .context("credentials.json cannot be written")?;
    let curl = folder.join("curl.conf");
    private::replace(&curl, format!("user = \"{key_id}:{secret}\"\n").as_bytes())
        .context("curl.conf cannot be written")?;
    Ok(curl)
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

/// A line for the person at the terminal, if there is one.
fn say(text: &str) {
    if let Err(error) = try_to_print(text) {
        tracing::debug!(%error, "nobody reads standard output");
    }
}
