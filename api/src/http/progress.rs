//! The progress of a response: how long it has waited for its client.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::limits::Pace;

/// The progress of a response.
#[derive(Debug, Default)]
pub struct Progress(Mutex<Wait>);

#[derive(Debug, Default)]
struct Wait {
    /// Since when a piece, or the beginning of the body, has waited for the client.
    since: Option<Instant>,
    /// The size of that piece.
    bytes: u64,
    /// Time waited beyond what the bytes sent since may take at the minimum rate.
    debt: Duration,
}

impl Progress {
    /// Whether the response has waited for the client for too long.
    pub fn is_overdue(&self, now: Instant, pace: Pace) -> bool {
        let wait = self.lock();
        let waited = wait
            .since
            .map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        // A piece may take as long as its size allows at the minimum rate.
        wait.debt + waited > pace.allows(wait.bytes)
    }

    /// How long the current piece has waited for the client.
    pub fn kept_waiting(&self, now: Instant) -> Duration {
        self.lock()
            .since
            .map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }

    /// Records that hyper polls for the next piece, so the previous one is being sent.
    pub fn is_wanted(&self, pace: Pace) {
        let mut wait = self.lock();
        if let Some(since) = wait.since.take() {
            let excused = pace.allows(wait.bytes).saturating_sub(pace.pause);
            wait.debt = (wait.debt + since.elapsed())
                .saturating_sub(excused)
                .min(pace.pause);
            wait.bytes = 0;
        }
    }

    /// Records that hyper got a piece of this number of bytes.
    pub fn is_handed(&self, bytes: usize) {
        let mut wait = self.lock();
        wait.since = Some(Instant::now());
        wait.bytes = bytes as u64;
    }

    fn lock(&self) -> MutexGuard<'_, Wait> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
