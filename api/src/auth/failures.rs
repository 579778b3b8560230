//! Failed authentication: all failures are counted in a metric by reason, and some are logged.
//!
//! An attacker who guesses secrets causes thousands of failures per second; the log gets a few
//! lines per second and the number of lines left out.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use photolog_telemetry::metric;

/// Maximum lines per period.
const MOST_LINES: u32 = 10;
const PERIOD: Duration = Duration::from_secs(1);

static LINES: Mutex<Lines> = Mutex::new(Lines {
    since: None,
    written: 0,
    left_out: 0,
});

/// The lines of the current period.
struct Lines {
    since: Option<Instant>,
    written: u32,
    left_out: u64,
}

impl Lines {
    /// The number of lines left out before this one; `None` when this one must be left out as well.
    fn take(&mut self, now: Instant) -> Option<u64> {
        if self
            .since
            .is_none_or(|since| now.duration_since(since) >= PERIOD)
        {
            self.since = Some(now);
            self.written = 0;
        }
        if self.written == MOST_LINES {
            self.left_out += 1;
            return None;
        }
        self.written += 1;
        Some(std::mem::take(&mut self.left_out))
    }
}

/// Records that a client's credentials were refused.
pub fn note(reason: &'static str, client: IpAddr) {
    metrics::counter!(metric::UNAUTHENTICATED, "reason" => reason).increment(1);
    let admitted = LINES
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take(Instant::now());
    if let Some(left_out) = admitted {
        tracing::warn!(reason, %client, left_out, "credentials were refused");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_has_so_many_lines_and_the_next_says_what_was_left_out() {
        let mut lines = Lines {
            since: None,
            written: 0,
            left_out: 0,
        };
        let now = Instant::now();
        for _ in 0..MOST_LINES {
            assert_eq!(lines.take(now), Some(0));
        }
        assert_eq!(lines.take(now), None);
        assert_eq!(lines.take(now), None);
        assert_eq!(lines.take(now + PERIOD), Some(2));
    }
}
