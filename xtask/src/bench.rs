//! `cargo xtask bench`: build the release program and let the measuring
//! program of `tests/bench/` compare it with what it is measured against.

use anyhow::Result;

use crate::edge;
use crate::setup;
use crate::step::run;
use crate::workspace::cargo;

/// The service, or one part of it.
pub(crate) fn run_benchmarks(what: &str) -> Result<()> {
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

fn measure(what: &str) -> Result<()> {
    run(&mut cargo(&[
        "build",
        "--release",
        "--locked",
        "--package",
        "photolog-api",
    ]))?;
    run(&mut cargo(&[
        "bench",
        "--locked",
        "--package",
        "photolog-tests",
        "--bench",
        "figures",
        "--",
        what,
    ]))
}
