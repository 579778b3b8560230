//! Pauses between attempts.

use std::time::Duration;

/// Pauses after failures: the first is short, and each further one is twice as long, up to a limit.
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    first: Duration,
    longest: Duration,
    next: Duration,
}

impl Backoff {
    /// Pauses between `first` and `longest`.
    pub(crate) const fn new(first: Duration, longest: Duration) -> Self {
        Self {
            first,
            longest,
            next: first,
        }
    }

    /// After a success: the next pause is the shortest again.
    pub(crate) const fn reset(&mut self) {
        self.next = self.first;
    }

    /// Sleeps before the next attempt.
    pub(crate) async fn pause(&mut self) {
        tokio::time::sleep(self.lengthen()).await;
    }

    fn lengthen(&mut self) -> Duration {
        let pause = self.next;
        self.next = self.longest.min(pause.saturating_mul(2));
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_limit_and_begin_again_after_a_success() {
        let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(1));
        let pauses: Vec<_> = (0..4).map(|_| backoff.lengthen().as_millis()).collect();
        assert_eq!(pauses, [200, 400, 800, 1_000]);
        backoff.reset();
        assert_eq!(backoff.lengthen().as_millis(), 200);
    }
}
