//! What every handler shares.

use std::sync::Arc;
use std::time::Duration;

use photolog_domain::Timestamp;
use photolog_store::{Blobs, Store};
use time::OffsetDateTime;

use crate::auth::issuer::TokenIssuer;
use crate::auth::rate::RateLimiter;
use crate::edge::EdgeSecret;
use crate::feed::live::LiveFeed;
use crate::http::load::Load;
use crate::picture::Pictures;

/// The shared state of one running API.
pub struct App {
    /// Events and read models.
    pub store: Store,
    /// Originals and masters.
    pub blobs: Blobs,
    /// Ingest, renditions and their cache.
    pub pictures: Pictures,
    /// What is new in the log, for those who listen.
    pub live_feed: LiveFeed,
    /// Gives tokens out, checks and ends them.
    pub tokens: TokenIssuer,
    /// Counts the requests of each key.
    pub rates: RateLimiter,
    /// The requests in flight.
    pub load: Load,
    /// Where clients reach us, without a trailing slash.
    pub public_url: String,
    /// What an edge must know to be let in.
    pub edge_secret: EdgeSecret,
    /// Limits that requests meet.
    pub limits: Limits,
}

/// Limits that requests meet.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Most enabled images an account may have, where it has no limit of its own.
    pub images_per_account: u32,
    /// Longest pause in a request's body.
    pub body_timeout: Duration,
    /// How long a write waits for the lists to show it.
    pub visibility_timeout: Duration,
    /// Most events the read models may lack for this node to be ready.
    pub ready_lag: u64,
}

/// The present moment.
pub fn now() -> Timestamp {
    OffsetDateTime::now_utc().into()
}

/// The shared state as handlers get it.
pub type SharedApp = Arc<App>;
