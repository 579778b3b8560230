//! How much time and memory one input may take.

use std::time::{Duration, Instant};

use peak_alloc::PeakAlloc;

/// The limits of one input.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Processor time, in the unoptimised test build.
    pub time: Duration,
    /// Memory in addition to what was allocated before, in bytes.
    pub memory: usize,
}

/// For texts: anything that is not linear is found long before this.
pub const TEXT: Limits = Limits {
    time: Duration::from_millis(500),
    memory: 32 << 20,
};

/// For the header of a picture: a few of its bytes, and the data packed into them.
pub const HEADER: Limits = Limits {
    time: Duration::from_millis(500),
    memory: 64 << 20,
};

/// For whole pictures.
pub const PICTURE: Limits = Limits {
    time: Duration::from_secs(2),
    memory: 600 << 20,
};

/// The cost of an input.
#[derive(Clone, Copy, Debug)]
pub struct Taken {
    /// Wall-clock time, which is never less than processor time.
    pub time: Duration,
    /// Peak memory, in bytes; 0 where the allocator does not count.
    pub memory: usize,
}

/// Runs a function and measures its cost.
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

/// The processor time of this thread.
pub fn processor_time() -> Option<Duration> {
    // "time on the processor (ns), time waiting (ns), timeslices": proc(5).
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds = text.split_whitespace().next()?.parse().ok()?;
    Some(Duration::from_nanos(nanoseconds))
}
