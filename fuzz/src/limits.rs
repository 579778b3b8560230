//! How much time and memory one input may take.

use std::time::{Duration, Instant};

use peak_alloc::PeakAlloc;

/// What one input may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Time on the processor, in the unoptimised build of the tests.
    pub time: Duration,
    /// Memory on top of what was there before, in bytes.
    pub memory: usize,
}

/// For texts: what is not linear is found long before this.
pub const TEXT: Limits = Limits {
    time: Duration::from_millis(500),
    memory: 32 << 20,
};

/// For the header of a picture: a few of its bytes, and what is packed into them.
pub const HEADER: Limits = Limits {
    time: Duration::from_millis(500),
    memory: 64 << 20,
};

/// For whole pictures.
pub const PICTURE: Limits = Limits {
    time: Duration::from_secs(2),
    memory: 600 << 20,
};

/// What an input took.
#[derive(Clone, Copy, Debug)]
pub struct Taken {
    /// By the clock on the wall, which is never less than on the processor.
    pub time: Duration,
    /// At its peak, in bytes; 0 where the allocator does not count.
    pub memory: usize,
}

/// Runs something and says what it took.
pub fn measured<T>(work: impl FnOnce() -> T) -> (T, Taken) {
    let before = PeakAlloc.current_usage();
    PeakAlloc.reset_peak_usage();
    let began = Instant::now();
    let outcome = work();
    let taken = Taken {
        time: began.elapsed(),
        memory: PeakAlloc.peak_usage().saturating_sub(before),
    };
    (outcome, taken)
}

/// How long this thread has been on a processor.
pub fn processor_time() -> Option<Duration> {
    // "time on the processor (ns), time waiting (ns), timeslices": proc(5).
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds = text.split_whitespace().next()?.parse().ok()?;
    Some(Duration::from_nanos(nanoseconds))
}
