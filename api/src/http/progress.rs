//! How an answer comes along: how long its client has kept it waiting.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::limits::Pace;

/// How an answer comes along.
#[derive(Debug, Default)]
pub struct Progress(Mutex<Wait>);

#[derive(Debug, Default)]
struct Wait {
    /// Since when the client has a piece, or the beginning of the body, to take.
    since: Option<Instant>,
    /// The piece that it is taking.
    bytes: u64,
    /// Time waited that what was taken meanwhile does not excuse.
    debt: Duration,
}

impl Progress {
    /// Whether the client has kept us waiting for too long.
    pub fn is_overdue(&self, now: Instant, pace: Pace) -> bool {
        let wait = self.lock();
        let waited = wait
            .since
            .map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        // A piece may take as long as its size at the least rate.
        wait.debt + waited > pace.allows(wait.bytes)
    }

    /// How long the client has kept it waiting now.
    pub fn kept_waiting(&self, now: Instant) -> Duration {
        self.lock()
            .since
            .map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }

    /// hyper wants the next piece: the one before is on its way.
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

    /// hyper has a piece of so many bytes.
    pub fn is_handed(&self, bytes: usize) {
        let mut wait = self.lock();
        wait.since = Some(Instant::now());
        wait.bytes = bytes as u64;
    }

    fn lock(&self) -> MutexGuard<'_, Wait> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
