//! The developers' commands: `cargo xtask --help`.
//!
//! Everything that is done to this workspace beside plain `cargo build` is a subcommand here, so
//! that developers and CI do the same thing. It has few dependencies, because every command waits
//! until it is compiled.

#![expect(
    clippy::print_stdout,
    reason = "a command line tool talks on its standard output"
)]

mod bench;
mod bench_edge;
mod check;
mod edge;
mod setup;
mod step;
mod test_times;
mod worker;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The tasks of the Photolog workspace.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Install what tests and benchmarks need; quick when everything is installed
    Setup,
    /// Run before each commit, in under a minute once built: format, lints, unit tests, layers, the
    /// edge's worker
    Check,
    /// Everything that CI checks; or one suite, or the matching end-to-end stories, with their logs
    Test {
        /// `unit`, `store` (with PostgreSQL), `stories`, `edge`, `hostile` (attacks, one by one), or part
        /// of a story's name, such as `moov::upload`
        what: Option<String>,
        /// Part of the names of the suite's tests
        name: Option<String>,
    },
    /// Check the dependencies: licences, duplicates, sources, who may import whom, unused ones
    Deny,
    /// Build the edge's worker in `target/edge`, for workerd and for `wrangler deploy`
    Edge {
        /// Also build a copy of the source elsewhere, and compare the bytes
        #[arg(long)]
        twice: bool,
    },
    /// Run long tests
    Soak {
        /// Which test; by default faults
        #[arg(default_value = "faults")]
        what: Soak,
        /// How many faults
        #[arg(long, default_value_t = 100)]
        rounds: u32,
    },
    /// Feed parsers with bytes that no client would send; findings go to `fuzz/regressions`
    Fuzz {
        /// How many minutes for each target
        #[arg(long, default_value_t = 1)]
        minutes: u64,
        /// Which targets; by default all
        targets: Vec<String>,
    },
    /// Measure the release build against its targets
    Bench {
        /// What to measure; by default the whole service
        what: Option<Benchmark>,
    },
    /// Format all code
    Fmt,
}

/// The tests of `cargo xtask soak`.
#[derive(Clone, Copy, clap::ValueEnum)]
enum Soak {
    /// Kill parts of a scaled-out installation under load, again and again
    Faults,
    /// Attack the release build at full size, and print what it cost
    Hostile,
}

/// The benchmarks of `cargo xtask bench`: the edge, and the parts of the service.
#[derive(Clone, Copy, clap::ValueEnum)]
enum Benchmark {
    /// The renderer against other image libraries, as WASM and natively, and the worker in workerd
    Edge,
    /// Metadata writes on SQLite
    Writes,
    /// Metadata writes on PostgreSQL
    Postgres,
    /// Commands without HTTP, and long streams
    Commands,
    /// Rebuild of a million events, and lists of a million images
    Projections,
    /// Metadata writes on PostgreSQL beside a dump
    Snapshot,
    /// From the log to subscribers
    Delivery,
    /// Reads of one metadata key
    Http,
    /// Cached public pictures
    Public,
    /// The memory of uploads
    Memory,
    /// A search for the most expensive pictures
    Hostile,
}

fn main() -> ExitCode {
    match perform(Arguments::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("\nfailed: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn perform(task: Task) -> anyhow::Result<()> {
    match task {
        Task::Setup => setup::everything(),
        Task::Check => check::before_a_commit(),
        Task::Test { what: None, .. } => check::everything(),
        Task::Test {
            what: Some(what),
            name,
        } => check::suite(&what, name.as_deref()),
        Task::Deny => check::dependencies(),
        Task::Edge { twice: false } => edge::build(),
        Task::Edge { twice: true } => setup::wasm_target().and_then(|()| edge::build_twice()),
        Task::Fuzz { minutes, targets } => check::fuzz(60 * minutes, &targets),
        Task::Soak {
            what: Soak::Faults,
            rounds,
        } => check::soak(rounds),
        Task::Soak {
            what: Soak::Hostile,
            ..
        } => check::soak_hostile(),
        Task::Bench { what } => match what {
            None => bench::run_benchmarks("service").and_then(|()| bench::run_command_benchmarks()),
            Some(Benchmark::Edge) => {
                bench_edge::run_benchmark().and_then(|()| bench::run_edge_benchmarks())
            }
            Some(Benchmark::Writes) => bench::run_benchmarks("writes"),
            Some(Benchmark::Postgres) => bench::run_benchmarks("postgres"),
            Some(Benchmark::Commands) => bench::run_command_benchmarks(),
            Some(Benchmark::Projections) => bench::run_benchmarks("projections"),
            Some(Benchmark::Snapshot) => bench::run_benchmarks("snapshot"),
            Some(Benchmark::Delivery) => bench::run_benchmarks("delivery"),
            Some(Benchmark::Http) => bench::run_benchmarks("http"),
            Some(Benchmark::Public) => bench::run_benchmarks("public"),
            Some(Benchmark::Memory) => bench::run_benchmarks("memory"),
            Some(Benchmark::Hostile) => bench::run_hostile_benchmarks(),
        },
        Task::Fmt => check::format(),
    }
}
