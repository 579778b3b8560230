//! What every handler shares.

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
    /// What is new in the log, for those who listen.
    pub live_feed: LiveFeed,
    /// Checks credentials, gives tokens out.
    pub auth: Authenticator,
    /// The requests in flight.
    pub places: Places,
    /// Memory of request bodies.
    pub bodies: Arc<Memory>,
    /// Reads of many images or events, of which accounts get equal shares.
    pub reads: Arc<FairQueue>,
    /// What is wrong with this node, or with what it needs.
    pub health: HealthWatch,
    /// Where clients reach us, without a trailing slash.
    pub public_url: String,
    /// The description of all routes, in JSON.
    pub openapi: Bytes,
    /// What an edge must know to be let in.
    pub edge_secret: EdgeSecret,
    /// Limits that clients meet.
    pub limits: Limits,
}

/// The shared state as handlers get it.
pub type SharedApp = Arc<App>;
