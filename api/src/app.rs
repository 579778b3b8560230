//! What every handler shares.

use std::sync::Arc;

use photolog_domain::Timestamp;
use photolog_store::{Blobs, Store};
use time::OffsetDateTime;

use crate::auth::issuer::TokenIssuer;
use crate::auth::rate::RateLimiter;
use crate::edge::EdgeSecret;
use crate::feed::live::LiveFeed;
use crate::http::fair_queue::FairQueue;
use crate::http::memory::Memory;
use crate::http::places::Places;
use crate::limits::Limits;
use crate::ops::Readiness;
use crate::picture::Pictures;

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
    /// Gives tokens out, checks and ends them.
    pub tokens: TokenIssuer,
    /// Counts the requests of each key.
    pub rates: RateLimiter,
    /// The requests in flight.
    pub places: Places,
    /// Memory of request bodies.
    pub bodies: Arc<Memory>,
    /// Reads of many images or events, of which accounts get equal shares.
    pub reads: Arc<FairQueue>,
    /// Whether this node is ready.
    pub readiness: Readiness,
    /// Where clients reach us, without a trailing slash.
    pub public_url: String,
    /// What an edge must know to be let in.
    pub edge_secret: EdgeSecret,
    /// Limits that clients meet.
    pub limits: Limits,
}

/// The present moment.
pub fn now() -> Timestamp {
    OffsetDateTime::now_utc().into()
}

/// The shared state as handlers get it.
pub type SharedApp = Arc<App>;
