//! Limits the requests of a key per second.
//!
//! This is the generic cell rate algorithm: each request moves its key's "paid until" time forward
//! by one interval, and is admitted while that time is at most a second ahead. So a key may use a
//! second's worth of requests at once, and its only state is one point in time.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use photolog_domain::KeyId;

use crate::error::{ApiError, Kind};

/// The largest burst, as a time.
const WINDOW: Duration = Duration::from_secs(1);

/// The rate limiter of one process.
pub struct RateLimiter {
    per_second: u32,
    paid_until: Mutex<HashMap<KeyId, Instant>>,
}

/// The remaining allowance of a key, for the `RateLimit` headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Requests per second.
    pub per_second: u32,
    /// Requests left now.
    pub remaining: u32,
    /// When none is left, the time until the next one; otherwise the time until all are available.
    pub reset: Duration,
}

impl RateLimiter {
    /// This number of requests per second for each key; 0 = no limit.
    pub fn new(per_second: u32) -> Self {
        Self {
            per_second,
            paid_until: Mutex::default(),
        }
    }

    /// Counts a request; `None` when there is no limit.
    ///
    /// # Errors
    /// The key's allowance, when the request exceeds it.
    pub fn count(&self, key: &KeyId, now: Instant) -> Result<Option<Allowance>, Allowance> {
        if self.per_second == 0 {
            return Ok(None);
        }
        let interval = WINDOW / self.per_second;
        let mut paid_until = self
            .paid_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let ahead = paid_until.get(key).map_or(Duration::ZERO, |moment| {
            moment.saturating_duration_since(now)
        });
        let after = ahead + interval;
        if after > WINDOW {
            return Err(self.allowance(0, after - WINDOW));
        }
        paid_until.insert(key.clone(), now + after);
        let left = (WINDOW - after).as_nanos() / interval.as_nanos().max(1);
        Ok(Some(
            self.allowance(u32::try_from(left).unwrap_or(u32::MAX), after),
        ))
    }

    fn allowance(&self, remaining: u32, reset: Duration) -> Allowance {
        Allowance {
            per_second: self.per_second,
            remaining,
            reset,
        }
    }
}

impl Allowance {
    /// `reset` in whole seconds, at least one.
    pub fn reset_seconds(&self) -> u64 {
        u64::try_from(self.reset.as_millis().div_ceil(1_000))
            .unwrap_or(u64::MAX)
            .max(1)
    }
}

/// The error for a key that exceeds its rate.
impl From<Allowance> for ApiError {
    fn from(over: Allowance) -> Self {
        let retry_after = over.reset_seconds();
        Self::new(
            Kind::RateLimited { retry_after },
            format!("at most {} requests a second", over.per_second),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> KeyId {
        text.parse().unwrap()
    }

    #[test]
    fn a_second_of_requests_at_once_then_one_by_one() {
        let (limiter, one) = (RateLimiter::new(4), key("plk_abcdefghijklmnop"));
        let start = Instant::now();
        let remaining = |at: u64| {
            limiter
                .count(&one, start + Duration::from_millis(at))
                .map(|allowance| allowance.unwrap().remaining)
        };
        assert_eq!([0; 4].map(|at| remaining(at).unwrap()), [3, 2, 1, 0]);
        let refused = remaining(0).unwrap_err();
        assert_eq!(refused.reset, Duration::from_millis(250));
        assert_eq!(refused.reset_seconds(), 1);
        assert!(remaining(249).is_err());
        assert_eq!(remaining(250).unwrap(), 0);
        assert_eq!(remaining(10_000).unwrap(), 3);
        let other = limiter.count(&key("plk_ponmlkjihgfedcba"), start);
        assert_eq!(other.unwrap().unwrap().remaining, 3);
    }

    #[test]
    fn zero_is_no_limit() {
        let limiter = RateLimiter::new(0);
        let one = key("plk_abcdefghijklmnop");
        assert_eq!(limiter.count(&one, Instant::now()), Ok(None));
    }
}
