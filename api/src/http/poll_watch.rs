//! Measures the longest poll, to find work that blocks an async thread.
//!
//! A future that computes for long delays every request that waits for its thread. So with
//! `--watch-polls` each poll's CPU time is measured. Wall-clock time would say more about the load
//! of the machine.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};

use photolog_telemetry::metric;
use rustix::time::{ClockId, clock_gettime};

/// A longer poll is logged, in nanoseconds of CPU time.
const LONG: u64 = 5_000_000;

static IS_ON: AtomicBool = AtomicBool::new(false);
static LONGEST: AtomicU64 = AtomicU64::new(0);

/// Starts measuring.
pub fn turn_on() {
    IS_ON.store(true, Ordering::Relaxed);
    metrics::gauge!(metric::LONGEST_POLL_SECONDS).set(0.0);
}

/// A future whose polls are measured.
pub struct Watched<F> {
    what: &'static str,
    future: Pin<Box<F>>,
}

/// Measures a future's polls; `what` names it in the log.
pub fn watched<F: Future>(what: &'static str, future: F) -> Watched<F> {
    Watched {
        what,
        future: Box::pin(future),
    }
}

impl<F: Future> Future for Watched<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        if !IS_ON.load(Ordering::Relaxed) {
            return self.future.as_mut().poll(context);
        }
        let before = cpu_nanoseconds();
        let polled = self.future.as_mut().poll(context);
        note(self.what, cpu_nanoseconds().saturating_sub(before));
        polled
    }
}

fn note(what: &'static str, nanoseconds: u64) {
    if LONGEST.fetch_max(nanoseconds, Ordering::Relaxed) < nanoseconds {
        metrics::gauge!(metric::LONGEST_POLL_SECONDS).set(nanoseconds as f64 / 1e9);
    }
    if nanoseconds > LONG {
        tracing::warn!(
            what,
            milliseconds = nanoseconds / 1_000_000,
            "a poll took long"
        );
    }
}

fn cpu_nanoseconds() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec.unsigned_abs() * 1_000_000_000 + time.tv_nsec.unsigned_abs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_busy_poll_counts_and_a_sleeping_one_does_not() {
        turn_on();
        watched(
            "sleeping",
            tokio::time::sleep(std::time::Duration::from_millis(30)),
        )
        .await;
        let asleep = LONGEST.load(Ordering::Relaxed);
        assert!(asleep < LONG, "{asleep}");
        watched("busy", async {
            let began = cpu_nanoseconds();
            while cpu_nanoseconds() - began < 2 * LONG {}
        })
        .await;
        assert!(LONGEST.load(Ordering::Relaxed) >= 2 * LONG);
    }
}
