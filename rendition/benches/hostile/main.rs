//! Searches for the most expensive upload: `cargo xtask bench hostile [SECONDS]`.
//!
//! Files that are expensive by design come first, then random ones of the same kinds. Each is
//! inspected and made a master, in this process and on this thread; CPU time and allocations are
//! compared with the bounds in `docs/benchmarks.md`. The worst are measured five times.

#![expect(
    clippy::print_stdout,
    reason = "a benchmark talks on its standard output"
)]

mod corpus;
mod jpeg;
mod noise;
mod png;
mod webp;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use corpus::Case;
use peak_alloc::PeakAlloc;
use photolog_rendition::{inspect, make_master};

#[global_allocator]
static ALLOCATED: PeakAlloc = PeakAlloc;

const MEBIBYTE: f64 = (1 << 20) as f64;
/// Up to this many megapixels a picture may cost a fixed amount.
const SMALL: f64 = 25.0;
const MOST_CPU: Duration = Duration::from_millis(500);
const MOST_BYTES: f64 = 250e6;
/// Above that, an amount for each megapixel, and memory within the service's budget.
const MOST_CPU_PER_MEGAPIXEL: Duration = Duration::from_millis(25);
const BUDGET: f64 = 160.0 * MEBIBYTE;
/// How many of the worst are printed and measured again.
const SHOWN: usize = 25;

struct Figures {
    name: String,
    /// The recipe from which the same file can be made again.
    case: Case,
    megapixels: f64,
    upload: f64,
    cpu: Duration,
    inspect_cpu: Duration,
    peak: f64,
    inspect_peak: f64,
    working: f64,
    outcome: String,
}

impl Figures {
    fn most_cpu(&self) -> Duration {
        MOST_CPU.max(MOST_CPU_PER_MEGAPIXEL.mul_f64(self.megapixels))
    }

    /// The ratio of the costs to their bounds: 1 and more is too much.
    fn badness(&self) -> f64 {
        let most_bytes = if self.megapixels <= SMALL {
            MOST_BYTES
        } else {
            BUDGET
        };
        let cpu = self.cpu.as_secs_f64() / self.most_cpu().as_secs_f64();
        let memory = (self.peak + self.upload) / most_bytes;
        let estimate = if self.outcome == "refused by its header" {
            0.0
        } else {
            self.peak / self.working
        };
        let inspection = self.inspect_cpu.as_secs_f64() / 0.02;
        let inspection_memory = self.inspect_peak / (4.0 * MEBIBYTE);
        [cpu, memory, estimate, inspection, inspection_memory]
            .into_iter()
            .fold(0.0, f64::max)
    }

    fn print(&self) {
        println!(
            "{:<52} {:>6.1} MP {:>5.1} MB in {:>7.1} ms {:>7.1} MB of {:>6.1} {:>6.2} ms look {} {}",
            self.name,
            self.megapixels,
            self.upload / 1e6,
            self.cpu.as_secs_f64() * 1e3,
            self.peak / 1e6,
            self.working / 1e6,
            self.inspect_cpu.as_secs_f64() * 1e3,
            self.outcome,
            if self.badness() > 1.0 { "BROKEN" } else { "" },
        );
    }
}

fn main() -> ExitCode {
    let seconds = std::env::args().find_map(|argument| argument.parse().ok());
    let deadline = Duration::from_secs(seconds.unwrap_or(60));
    let mut all = Vec::new();
    for case in corpus::by_design() {
        let figures = measure(case);
        figures.print();
        all.push(figures);
    }
    let started = Instant::now();
    let mut noise = noise::Noise::new(2);
    while started.elapsed() < deadline {
        all.push(measure(corpus::random(&mut noise)));
    }
    all.sort_by(|a, b| b.badness().total_cmp(&a.badness()));
    println!("\nThe worst of {}, each the median of five:", all.len());
    let mut is_broken = false;
    for figures in all.into_iter().take(SHOWN) {
        let figures = median_of_five(figures);
        figures.print();
        is_broken |= figures.badness() > 1.0;
    }
    if is_broken {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

fn median_of_five(first: Figures) -> Figures {
    let mut runs: Vec<Figures> = (0..5).map(|_| measure(first.case.clone())).collect();
    runs.sort_by_key(|figures| figures.cpu);
    runs.swap_remove(2)
}

fn measure(case: Case) -> Figures {
    let bytes = case.bytes();
    let before = ALLOCATED.current_usage();
    let peak = || (ALLOCATED.peak_usage() - before) as f64;
    ALLOCATED.reset_peak_usage();
    let started = cpu_time();
    let inspection = inspect(&bytes);
    let inspect_cpu = cpu_time() - started;
    let inspect_peak = peak();
    ALLOCATED.reset_peak_usage();
    let started = cpu_time();
    let outcome = match &inspection {
        Err(_) => "refused by its header".to_owned(),
        Ok(_) => match make_master(&bytes) {
            Ok(master) => format!("{} {}", master.media_type.extension(), master.dimensions),
            Err(error) => error.to_string(),
        },
    };
    let dimensions = inspection.as_ref().map(|found| found.dimensions).ok();
    Figures {
        name: case.name(),
        megapixels: dimensions.map_or(0.0, |size| {
            f64::from(size.width) * f64::from(size.height) / 1e6
        }),
        upload: bytes.len() as f64,
        cpu: cpu_time() - started,
        inspect_cpu,
        peak: peak(),
        inspect_peak,
        working: inspection.map_or(0, |found| found.working_bytes) as f64,
        outcome,
        case,
    }
}

/// CPU time of this thread, as the kernel counts it.
fn cpu_time() -> Duration {
    let times = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = times
        .split_whitespace()
        .next()
        .and_then(|time| time.parse().ok());
    Duration::from_nanos(nanoseconds.unwrap_or(0))
}
