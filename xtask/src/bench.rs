//! `cargo xtask bench`: build the release program and run `tests/bench/`, which compares it with
//! its limits.

use anyhow::Result;

use crate::edge;
use crate::setup;
use crate::step::run;
use crate::workspace::{PROGRAMS_AND_TESTS, cargo};

/// The service, or one part of it.
pub(crate) fn run_benchmarks(what: &str) -> Result<()> {
    setup::for_tests()?;
    setup::programs(setup::BENCHMARK_PROGRAMS)?;
    measure(what)
}

/// The warm worker in workerd, and how soon it shows a replaced picture.
pub(crate) fn run_edge_benchmarks() -> Result<()> {
    setup::programs(setup::BENCHMARK_PROGRAMS)?;
    setup::runtimes()?;
    edge::build()?;
    measure("edge")
}

/// Commands by themselves, without the service around them.
pub(crate) fn run_command_benchmarks() -> Result<()> {
    setup::for_tests()?;
    run(cargo(&["bench", "--locked"])
        .args(PROGRAMS_AND_TESTS)
        .args(["--bench", "commands"]))
}

/// Pictures designed to be expensive, decoded in one process.
pub(crate) fn run_hostile_benchmarks() -> Result<()> {
    run(&mut cargo(&[
        "bench",
        "--locked",
        "--package",
        "photolog-rendition",
        "--bench",
        "hostile",
    ]))
}

fn measure(what: &str) -> Result<()> {
    run(&mut cargo(&[
        "build",
        "--release",
        "--locked",
        "--package",
        "photolog",
        "--package",
        "photolog-projector",
    ]))?;
    run(cargo(&["bench", "--locked"])
        .args(PROGRAMS_AND_TESTS)
        .args(["--bench", "figures", "--", what]))
}
