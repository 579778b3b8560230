//! Every limit that a client meets: deadlines, least rates, places, memory. Each is a setting, and
//! this is the one place that defines them; `docs/security.md` says what they promise together.

use std::net::IpAddr;
use std::time::Duration;

use clap::Args;
use ipnet::IpNet;

/// Most bytes of events in a page: one with large events ends early, and says where to go on.
pub const PAGE_BYTES: usize = 4 << 20;

/// Limits that clients meet. Times are in seconds, rates in bytes a second, memory in bytes.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Limits")]
pub struct Limits {
    /// Longest time until the first byte of a connection, and until a whole HTTP/2 preface
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

    /// Longest pause in a request's body, and the time before its least rate counts
    #[arg(long, env = "PHOTOLOG_BODY_TIMEOUT_SECONDS", default_value_t = 10)]
    pub body_timeout_seconds: u64,

    /// Least rate of a request's body
    #[arg(
        long,
        env = "PHOTOLOG_BODY_BYTES_PER_SECOND",
        default_value_t = 16 << 10,
        value_parser = clap::value_parser!(u64).range(1..)
    )]
    pub body_bytes_per_second: u64,

    /// Longest time without progress of an answer, and the time before its least rate counts
    #[arg(long, env = "PHOTOLOG_ANSWER_TIMEOUT_SECONDS", default_value_t = 10)]
    pub answer_timeout_seconds: u64,

    /// Least rate at which a client takes an answer
    #[arg(
        long,
        env = "PHOTOLOG_ANSWER_BYTES_PER_SECOND",
        default_value_t = 16 << 10,
        value_parser = clap::value_parser!(u64).range(1..)
    )]
    pub answer_bytes_per_second: u64,

    /// Longest time that a request may take beside its body
    #[arg(long, env = "PHOTOLOG_HANDLER_TIMEOUT_SECONDS", default_value_t = 60)]
    pub handler_timeout_seconds: u64,

    /// How often an open feed checks that its credentials still hold, and sends a comment
    #[arg(
        long,
        env = "PHOTOLOG_FEED_CHECK_SECONDS",
        default_value_t = 10,
        value_parser = clap::value_parser!(u64).range(1..)
    )]
    pub feed_check_seconds: u64,

    /// How long requests in flight may take after Ctrl-C or SIGTERM
    #[arg(long, env = "PHOTOLOG_DRAIN_TIMEOUT_SECONDS", default_value_t = 30)]
    pub drain_timeout_seconds: u64,

    /// Most connections at once; another one takes the place of the oldest without a request
    #[arg(long, env = "PHOTOLOG_CONNECTIONS", default_value_t = 4_096)]
    pub connections: usize,

    /// Most connections of one address, or of one /64 network of IPv6
    #[arg(long, env = "PHOTOLOG_CONNECTIONS_PER_ADDRESS", default_value_t = 256)]
    pub connections_per_address: usize,

    /// Proxies in front, such as `10.0.0.0/8`; several are separated by commas
    ///
    /// Their connections are not capped, and the client's address is read from the `Forwarded` or
    /// `X-Forwarded-For` header that they send: the rightmost address that is not theirs.
    #[arg(
        long,
        env = "PHOTOLOG_TRUSTED_PROXIES",
        value_delimiter = ',',
        value_name = "NETWORK",
        value_parser = network
    )]
    pub trusted_proxies: Vec<IpNet>,

    /// Most requests for public pictures in flight; more are answered 503; 0 = no limit
    #[arg(
        long,
        env = "PHOTOLOG_PICTURE_REQUESTS_IN_FLIGHT",
        default_value_t = 1_024
    )]
    pub picture_requests_in_flight: usize,

    /// Most requests without credentials in flight, and most that are being authenticated; more are
    /// answered 503; 0 = no limit
    #[arg(long, env = "PHOTOLOG_OPEN_REQUESTS_IN_FLIGHT", default_value_t = 256)]
    pub open_requests_in_flight: usize,

    /// Most requests with credentials in flight; more are answered 503; 0 = no limit
    #[arg(long, env = "PHOTOLOG_REQUESTS_IN_FLIGHT", default_value_t = 1_024)]
    pub requests_in_flight: usize,

    /// Most requests of one client's address, or /64 network of IPv6, in flight; more are answered 429;
    /// 0 = no limit
    #[arg(long, env = "PHOTOLOG_REQUESTS_PER_ADDRESS", default_value_t = 256)]
    pub requests_per_address: usize,

    /// Most requests of one account in flight; more are answered 429; 0 = no limit
    #[arg(long, env = "PHOTOLOG_REQUESTS_PER_ACCOUNT", default_value_t = 256)]
    pub requests_per_account: usize,

    /// Most requests of one key in flight; more are answered 429; 0 = no limit
    #[arg(long, env = "PHOTOLOG_REQUESTS_PER_KEY", default_value_t = 128)]
    pub requests_per_key: usize,

    /// Most open feeds of one account; more are answered 429
    #[arg(
        long,
        env = "PHOTOLOG_FEEDS_PER_ACCOUNT",
        default_value_t = 128,
        value_parser = at_least_one
    )]
    pub feeds_per_account: usize,

    /// Most open feeds of one key; more are answered 429
    #[arg(
        long,
        env = "PHOTOLOG_FEEDS_PER_KEY",
        default_value_t = 32,
        value_parser = at_least_one
    )]
    pub feeds_per_key: usize,

    /// Most requests of one key in a second; more are answered 429; 0 = no limit
    #[arg(long, env = "PHOTOLOG_RATE_LIMIT", default_value_t = 0)]
    pub rate_limit: u32,

    /// Memory for what clients send and receive: three eighths for decoding uploads, two for answers,
    /// one each for rendering, for bodies, and for reading lists and histories
    #[arg(
        long,
        env = "PHOTOLOG_MEMORY_BUDGET_BYTES",
        default_value_t = 320 << 20,
        value_parser = clap::value_parser!(u64).range(1 << 20..)
    )]
    pub memory_budget_bytes: u64,

    /// Most pictures of one client or account that wait for a processor; more are answered 503
    #[arg(long, env = "PHOTOLOG_RENDER_QUEUE", default_value_t = 256)]
    pub render_queue: usize,

    /// Most enabled images of an account that has no limit of its own
    #[arg(long, env = "PHOTOLOG_IMAGES_PER_ACCOUNT", default_value_t = 10_000)]
    pub images_per_account: u32,

    /// How long a write waits until lists show it, in milliseconds
    #[arg(long, env = "PHOTOLOG_VISIBILITY_TIMEOUT_MS", default_value_t = 2_000)]
    pub visibility_timeout_ms: u64,

    /// Most events the read models may lack for `/readyz` to say ready
    #[arg(long, env = "PHOTOLOG_READY_LAG", default_value_t = 10_000)]
    pub ready_lag: u64,
}

/// A deadline for a stream of bytes: no pause longer than `pause`, and on the whole at least
/// `bytes_per_second` once the first `pause` is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// The longest pause.
    pub pause: Duration,
    /// The least rate.
    pub bytes_per_second: u64,
}

impl Pace {
    /// How long so many bytes may take.
    pub fn allows(&self, bytes: u64) -> Duration {
        let millis = bytes.saturating_mul(1_000) / self.bytes_per_second.max(1);
        self.pause.saturating_add(Duration::from_millis(millis))
    }
}

impl Limits {
    /// Until the first byte of a connection, and a whole HTTP/2 preface.
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

    /// For an answer.
    pub fn answer(&self) -> Pace {
        Pace {
            pause: Duration::from_secs(self.answer_timeout_seconds),
            bytes_per_second: self.answer_bytes_per_second,
        }
    }

    /// For the work on a request, beside its body.
    pub fn handler(&self) -> Duration {
        Duration::from_secs(self.handler_timeout_seconds)
    }

    /// Between two checks of a feed's credentials.
    pub fn feed_check(&self) -> Duration {
        Duration::from_secs(self.feed_check_seconds)
    }

    /// For requests in flight when the server stops.
    pub fn drain(&self) -> Duration {
        Duration::from_secs(self.drain_timeout_seconds)
    }

    /// For a write to show in lists.
    pub fn visibility(&self) -> Duration {
        Duration::from_millis(self.visibility_timeout_ms)
    }

    /// For pictures while they are decoded.
    pub fn decoding_bytes(&self) -> u64 {
        self.memory_budget_bytes / 8 * 3
    }

    /// For masters that are rendered.
    pub fn rendering_bytes(&self) -> u64 {
        self.memory_budget_bytes / 8
    }

    /// For answers until they are written.
    pub fn answer_bytes(&self) -> u64 {
        self.memory_budget_bytes / 4
    }

    /// For bodies that are kept in memory.
    pub fn body_bytes(&self) -> u64 {
        self.memory_budget_bytes / 8
    }

    /// For lists and histories while they are read.
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
