//! Every limit on clients: deadlines, minimum rates, concurrency, memory. Each is a setting, and
//! all are defined here; `docs/security.md` describes what they guarantee together.

use std::net::IpAddr;
use std::time::Duration;

use clap::Args;
use ipnet::IpNet;

/// Maximum bytes of events in a page. A page with large events ends early and contains the position
/// of the next page.
pub const PAGE_BYTES: usize = 4 << 20;

/// Limits on clients. Times are in seconds, rates in bytes per second, memory in bytes.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Limits")]
pub struct Limits {
    /// Longest time until the first byte of a connection, and until a complete HTTP/2 preface
    #[arg(
        long,
        env = "PHOTOLOG_FIRST_BYTE_TIMEOUT_SECONDS",
        default_value_t = 10
    )]
    pub first_byte_timeout_seconds: u64,

    /// Longest time from the first byte of a request's head to its last
    #[arg(long, env = "PHOTOLOG_HEADER_TIMEOUT_SECONDS", default_value_t = 10)]
    pub header_timeout_seconds: u64,

    /// Longest time that a connection may be open without a request
    #[arg(long, env = "PHOTOLOG_IDLE_TIMEOUT_SECONDS", default_value_t = 60)]
    pub idle_timeout_seconds: u64,

    /// Longest pause in a request's body, and the time before its minimum rate applies
    #[arg(long, env = "PHOTOLOG_BODY_TIMEOUT_SECONDS", default_value_t = 10)]
    pub body_timeout_seconds: u64,

    /// Minimum rate of a request's body
    #[arg(
        long,
        env = "PHOTOLOG_BODY_BYTES_PER_SECOND",
        default_value_t = 16 << 10,
        value_parser = clap::value_parser!(u64).range(1..)
    )]
    pub body_bytes_per_second: u64,

    /// Longest time without progress of a response, and the time before its minimum rate applies
    #[arg(long, env = "PHOTOLOG_ANSWER_TIMEOUT_SECONDS", default_value_t = 10)]
    pub answer_timeout_seconds: u64,

    /// Minimum rate at which a client must read a response
    #[arg(
        long,
        env = "PHOTOLOG_ANSWER_BYTES_PER_SECOND",
        default_value_t = 16 << 10,
        value_parser = clap::value_parser!(u64).range(1..)
    )]
    pub answer_bytes_per_second: u64,

    /// Longest time that a request may take, not counting its body
    #[arg(long, env = "PHOTOLOG_HANDLER_TIMEOUT_SECONDS", default_value_t = 60)]
    pub handler_timeout_seconds: u64,

    /// How often an open feed checks that its credentials are still valid, and sends a comment
    #[arg(
        long,
        env = "PHOTOLOG_FEED_CHECK_SECONDS",
        default_value_t = 10,
        value_parser = clap::value_parser!(u64).range(1..)
    )]
    pub feed_check_seconds: u64,

    /// How long requests in flight may run after Ctrl-C or SIGTERM
    #[arg(long, env = "PHOTOLOG_DRAIN_TIMEOUT_SECONDS", default_value_t = 30)]
    pub drain_timeout_seconds: u64,

    /// Most connections at once; a further one replaces the oldest without a request
    #[arg(long, env = "PHOTOLOG_CONNECTIONS", default_value_t = 4_096)]
    pub connections: usize,

    /// Most connections from one address, or from one IPv6 /64 network
    #[arg(long, env = "PHOTOLOG_CONNECTIONS_PER_ADDRESS", default_value_t = 256)]
    pub connections_per_address: usize,

    /// Trusted reverse proxies, such as `10.0.0.0/8`, separated by commas
    ///
    /// Their connections are not capped, and the client's address is read from the `Forwarded` or
    /// `X-Forwarded-For` header that they send: the rightmost address that is not a trusted proxy.
    #[arg(
        long,
        env = "PHOTOLOG_TRUSTED_PROXIES",
        value_delimiter = ',',
        value_name = "NETWORK",
        value_parser = network
    )]
    pub trusted_proxies: Vec<IpNet>,

    /// Most requests for public pictures in flight; more get a 503; 0 = no limit
    #[arg(
        long,
        env = "PHOTOLOG_PICTURE_REQUESTS_IN_FLIGHT",
        default_value_t = 1_024
    )]
    pub picture_requests_in_flight: usize,

    /// Most requests without credentials in flight, and most being authenticated; more get a 503;
    /// 0 = no limit
    #[arg(long, env = "PHOTOLOG_OPEN_REQUESTS_IN_FLIGHT", default_value_t = 256)]
    pub open_requests_in_flight: usize,

    /// Most requests with credentials in flight; more get a 503; 0 = no limit
    #[arg(long, env = "PHOTOLOG_REQUESTS_IN_FLIGHT", default_value_t = 1_024)]
    pub requests_in_flight: usize,

    /// Most requests in flight from one client address, or from one IPv6 /64 network; more get a
    /// 429; 0 = no limit
    #[arg(long, env = "PHOTOLOG_REQUESTS_PER_ADDRESS", default_value_t = 256)]
    pub requests_per_address: usize,

    /// Most requests of one account in flight; more get a 429; 0 = no limit
    #[arg(long, env = "PHOTOLOG_REQUESTS_PER_ACCOUNT", default_value_t = 256)]
    pub requests_per_account: usize,

    /// Most requests of one key in flight; more get a 429; 0 = no limit
    #[arg(long, env = "PHOTOLOG_REQUESTS_PER_KEY", default_value_t = 128)]
    pub requests_per_key: usize,

    /// Most open feeds of one account; more get a 429
    #[arg(
        long,
        env = "PHOTOLOG_FEEDS_PER_ACCOUNT",
        default_value_t = 128,
        value_parser = at_least_one
    )]
    pub feeds_per_account: usize,

    /// Most open feeds of one key; more get a 429
    #[arg(
        long,
        env = "PHOTOLOG_FEEDS_PER_KEY",
        default_value_t = 32,
        value_parser = at_least_one
    )]
    pub feeds_per_key: usize,

    /// Most requests of one key per second; more get a 429; 0 = no limit
    #[arg(long, env = "PHOTOLOG_RATE_LIMIT", default_value_t = 0)]
    pub rate_limit: u32,

    /// Memory for requests and responses: three eighths for decoding uploads, two for responses,
    /// and one each for rendering, for request bodies, and for reading lists and histories
    #[arg(
        long,
        env = "PHOTOLOG_MEMORY_BUDGET_BYTES",
        default_value_t = 320 << 20,
        value_parser = clap::value_parser!(u64).range(1 << 20..)
    )]
    pub memory_budget_bytes: u64,

    /// Most pictures of one client or account that wait for a processor; more get a 503
    #[arg(long, env = "PHOTOLOG_RENDER_QUEUE", default_value_t = 256)]
    pub render_queue: usize,

    /// Most enabled images of an account that has no limit of its own
    #[arg(long, env = "PHOTOLOG_IMAGES_PER_ACCOUNT", default_value_t = 10_000)]
    pub images_per_account: u32,

    /// How long a write waits for lists to show it, in milliseconds
    #[arg(long, env = "PHOTOLOG_VISIBILITY_TIMEOUT_MS", default_value_t = 2_000)]
    pub visibility_timeout_ms: u64,

    /// Most events that the read models may lag behind while `/readyz` reports ready
    #[arg(long, env = "PHOTOLOG_READY_LAG", default_value_t = 10_000)]
    pub ready_lag: u64,
}

/// A deadline for a stream of bytes: no pause longer than `pause`, and an average rate of at least
/// `bytes_per_second` after the first `pause`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// The longest pause.
    pub pause: Duration,
    /// The minimum rate.
    pub bytes_per_second: u64,
}

impl Pace {
    /// How long this number of bytes may take.
    pub fn allows(&self, bytes: u64) -> Duration {
        let millis = bytes.saturating_mul(1_000) / self.bytes_per_second.max(1);
        self.pause.saturating_add(Duration::from_millis(millis))
    }
}

impl Limits {
    /// Until the first byte of a connection, and until a complete HTTP/2 preface.
    pub fn first_byte(&self) -> Duration {
        Duration::from_secs(self.first_byte_timeout_seconds)
    }

    /// For a request's head.
    pub fn head(&self) -> Duration {
        Duration::from_secs(self.header_timeout_seconds)
    }

    /// For a connection without a request.
    pub fn idle(&self) -> Duration {
        Duration::from_secs(self.idle_timeout_seconds)
    }

    /// For a request's body.
    pub fn body(&self) -> Pace {
        Pace {
            pause: Duration::from_secs(self.body_timeout_seconds),
            bytes_per_second: self.body_bytes_per_second,
        }
    }

    /// For a response.
    pub fn answer(&self) -> Pace {
        Pace {
            pause: Duration::from_secs(self.answer_timeout_seconds),
            bytes_per_second: self.answer_bytes_per_second,
        }
    }

    /// For the work on a request, not counting its body.
    pub fn handler(&self) -> Duration {
        Duration::from_secs(self.handler_timeout_seconds)
    }

    /// The time between two checks of a feed's credentials.
    pub fn feed_check(&self) -> Duration {
        Duration::from_secs(self.feed_check_seconds)
    }

    /// For requests in flight when the server shuts down.
    pub fn drain(&self) -> Duration {
        Duration::from_secs(self.drain_timeout_seconds)
    }

    /// For a write to appear in lists.
    pub fn visibility(&self) -> Duration {
        Duration::from_millis(self.visibility_timeout_ms)
    }

    /// Memory for decoding pictures.
    pub fn decoding_bytes(&self) -> u64 {
        self.memory_budget_bytes / 8 * 3
    }

    /// Memory for rendering masters.
    pub fn rendering_bytes(&self) -> u64 {
        self.memory_budget_bytes / 8
    }

    /// Memory for responses until they are written.
    pub fn answer_bytes(&self) -> u64 {
        self.memory_budget_bytes / 4
    }

    /// Memory for buffered request bodies.
    pub fn body_bytes(&self) -> u64 {
        self.memory_budget_bytes / 8
    }

    /// Memory for reading lists and histories.
    pub fn reading_bytes(&self) -> u64 {
        self.memory_budget_bytes / 8
    }
}

/// A network such as `10.0.0.0/8`, or one address.
fn network(text: &str) -> Result<IpNet, String> {
    text.parse::<IpNet>()
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
        .map_err(|_| "must be an address or a network such as 10.0.0.0/8".to_owned())
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("must be a number of at least 1".to_owned()),
        Ok(number) => Ok(number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_an_address_or_a_network() {
        assert_eq!(network("10.0.0.0/8").unwrap().prefix_len(), 8);
        assert_eq!(network("::1").unwrap().prefix_len(), 128);
        assert!(network("proxy.internal").is_err());
    }

    #[test]
    fn a_pace_is_a_pause_and_a_rate() {
        let pace = Pace {
            pause: Duration::from_secs(10),
            bytes_per_second: 16 << 10,
        };
        assert_eq!(pace.allows(0), Duration::from_secs(10));
        assert_eq!(pace.allows(16 << 10), Duration::from_secs(11));
        assert_eq!(pace.allows(16 << 20), Duration::from_secs(10 + 1_024));
    }
}
