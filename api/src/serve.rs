//! Assembles a server: the shared state, the dialects, the accept loop.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use futures::FutureExt;
use futures::future::BoxFuture;
use photolog_store::{Blobs, Store};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::app::{App, SharedApp};
use crate::auth::Authenticator;
use crate::config::Serving;
use crate::dialect::photolog::openapi;
use crate::edge_push::{self, EdgeUrl};
use crate::health::HealthWatch;
use crate::http::fair_queue::{FairQueue, QueueLimits};
use crate::http::memory::Memory;
use crate::http::places::Places;
use crate::http::{poll_watch, server};
use crate::limits::Limits;
use crate::live_feed::LiveFeed;
use crate::picture::{Pictures, cache_directory};
use crate::pipeline;
use crate::routes::Dialects;

/// A server that is bound to its address and fully set up, but does not serve yet.
pub struct Server {
    app: SharedApp,
    dialects: Dialects,
    edges: Vec<EdgeUrl>,
    listener: TcpListener,
    address: SocketAddr,
}

impl Server {
    /// Binds the address and opens the shared state. Renditions are cached below `data_dir`.
    ///
    /// # Errors
    /// When a setting cannot be used; the message names it.
    pub async fn open(
        store: Store,
        blobs: Blobs,
        data_dir: &Path,
        serving: &Serving,
        dialects: Dialects,
    ) -> anyhow::Result<Self> {
        if serving.edge_secret.is_empty() && !serving.edges.is_empty() {
            anyhow::bail!(
                "--edges needs --edge-secret, which edges check before they accept a message"
            );
        }
        if serving.watch_polls {
            poll_watch::turn_on();
        }
        let limits = serving.limits.clone();
        let listener = TcpListener::bind(serving.listen)
            .await
            .with_context(|| format!("--listen {} cannot be used", serving.listen))?;
        let address = listener
            .local_addr()
            .context("the address cannot be read")?;
        let cache = cache_directory(data_dir);
        let pictures = Pictures::open(blobs.clone(), cache, &serving.picture_limits())
            .await
            .with_context(|| format!("--data-dir {} cannot be used", data_dir.display()))?;
        let health = HealthWatch::start(
            store.clone(),
            blobs.clone(),
            data_dir.to_owned(),
            limits.ready_lag,
        );
        let public_url = serving.public_url(address);
        let description = openapi::document(dialects.0, &public_url);
        let app = App {
            auth: Authenticator::open(store.clone(), limits.rate_limit).await?,
            places: Places::new(&limits),
            bodies: Memory::new(limits.body_bytes()),
            reads: reads(&limits),
            pictures: Arc::new(pictures),
            health: health.await,
            openapi: description.to_string().into(),
            public_url,
            edge_secret: serving.edge_secret.clone(),
            live_feed: LiveFeed::start(store.clone()),
            limits,
            store,
            blobs,
        };
        Ok(Self {
            app: Arc::new(app),
            dialects,
            edges: serving.edges.clone(),
            listener,
            address,
        })
    }

    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its public URL, without a trailing slash.
    pub fn public_url(&self) -> &str {
        &self.app.public_url
    }

    /// Serves until `shutdown`, then finishes the requests in flight.
    ///
    /// Boxed, so that the path of a request is compiled with this crate, which is optimised for speed,
    /// and not with the program.
    pub fn serve(self, shutdown: BoxFuture<'static, ()>) -> BoxFuture<'static, ()> {
        self.serve_until(shutdown).boxed()
    }

    async fn serve_until(self, shutdown: BoxFuture<'static, ()>) {
        let app = self.app;
        // Dropping the set aborts its tasks.
        let mut pushing = JoinSet::new();
        if !self.edges.is_empty() {
            let (store, secret) = (app.store.clone(), app.edge_secret.clone());
            pushing.spawn(edge_push::follow(store, self.edges, secret));
        }
        let service = pipeline::service(app.clone(), self.dialects);
        let shutdown = async {
            shutdown.await;
            app.live_feed.close();
        };
        server::serve(self.listener, service, &app.limits, shutdown).await;
    }
}

/// The queue for large reads: as many at once as there is memory for.
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
