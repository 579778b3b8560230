//! The state that all handlers share.

use crate::auth::Authenticator;
use crate::auth::edge_secret::EdgeSecret;
use crate::health::HealthWatch;
use crate::http::fair_queue::FairQueue;
use crate::http::memory::Memory;
use crate::http::places::Places;
use crate::limits::Limits;
use crate::live_feed::LiveFeed;
use crate::picture::Pictures;
use bytes::Bytes;
use photolog_store::{Blobs, Store};
use std::sync::Arc;

/// The shared state of one running API.
pub struct App {
    /// Events and read models.
    pub store: Store,
    /// Originals and masters.
    pub blobs: Blobs,
    /// Ingest, renditions and their cache.
    pub pictures: Arc<Pictures>,
    /// New events in the log, for the open feeds.
    pub live_feed: LiveFeed,
    /// Checks credentials and issues tokens.
    pub auth: Authenticator,
    /// Places for requests in flight.
    pub places: Places,
    /// Memory for request bodies.
    pub bodies: Arc<Memory>,
    /// The queue for reads of many images or events, which gives accounts equal shares.
    pub reads: Arc<FairQueue>,
    /// The health of this node and of its dependencies.
    pub health: HealthWatch,
    /// The public URL of this server, without a trailing slash.
    pub public_url: String,
    /// The OpenAPI description of all routes, in JSON.
    pub openapi: Bytes,
    /// The secret that edges must present.
    pub edge_secret: EdgeSecret,
    /// Limits on clients.
    pub limits: Limits,
}

/// The shared state as passed to handlers.
pub type SharedApp = Arc<App>;
