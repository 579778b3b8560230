//! What must hold before a change lands. CI runs [`everything`] and nothing else.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::edge;
use crate::setup;
use crate::step::{Steps, run};
use crate::test_times::TestTimes;
use crate::worker;
use crate::workspace::{PROGRAMS_AND_TESTS, cargo, python_environment, target};

/// `cargo xtask test`
pub(crate) fn everything() -> Result<()> {
    let mut steps = Steps::default();
    steps.take("setup", setup::for_tests)?;
    steps.take("format", || run(&mut cargo(&["fmt", "--all", "--check"])))?;
    steps.take("lints", lints)?;
    steps.take("edge: modules of the worker", worker::check)?;
    steps.take("documentation", documentation)?;
    steps.take("dependency policy", dependency_policy)?;
    steps.take("build", build)?;
    steps.take("edge, built twice", edge::build_twice)?;
    let mut times = TestTimes::default();
    steps.take("tests", || {
        let mut tests = cargo(&["test", "--workspace", "--locked"]);
        times.run(tests.arg("--").args(NOT_ATTACKS), TESTS_AT_ONCE)
    })?;
    steps.take("attacks", || attacks(&mut times))?;
    steps.take("fuzzing", || fuzz(FUZZ_SECONDS, &[]))?;
    times.summarize();
    steps.summarize();
    Ok(())
}

/// `cargo xtask check`
pub(crate) fn before_a_commit() -> Result<()> {
    let mut steps = Steps::default();
    steps.take("format", || run(&mut cargo(&["fmt", "--all", "--check"])))?;
    steps.take("lints", lints)?;
    steps.take("unit tests", || unit_tests(None))?;
    steps.take("edge: modules of the worker", worker::check)?;
    steps.summarize();
    Ok(())
}

/// `cargo xtask test SUITE [NAME]`, or the stories of a name.
pub(crate) fn suite(what: &str, name: Option<&str>) -> Result<()> {
    if what == "unit" {
        return unit_tests(name);
    }
    setup::for_tests()?;
    if what == "edge" {
        // Runs before the build, which takes minutes.
        worker::check()?;
    }
    build()?;
    match what {
        "store" => store_tests(name),
        "hostile" => attacks(&mut TestTimes::default()),
        "stories" => stories(name.into_iter().chain(NOT_ATTACKS)),
        "edge" => {
            edge::build_within(&mut Steps::default())?;
            stories([name.unwrap_or("edge::")])
        }
        story => {
            if story.starts_with("edge") {
                edge::build_within(&mut Steps::default())?;
            }
            run(cargo(STORIES)
                .args([story, "--nocapture"])
                .env(SHOW_LOGS, "1"))
        }
    }
}

/// Every test that starts no other program: the crates by themselves, and the shape of the source.
fn unit_tests(name: Option<&str>) -> Result<()> {
    let mut tests = cargo(&["test", "--workspace", "--locked", "--lib", "--bins"]);
    tests.args(["--test", "architecture", "--"]).args(name);
    run(&mut tests)
}

/// The store and the projector against SQLite, PostgreSQL, NATS and a bucket.
fn store_tests(name: Option<&str>) -> Result<()> {
    let suites = [
        "conformance",
        "sqlite",
        "blobs",
        "projector",
        "verify",
        "collection",
    ];
    let mut tests = cargo(&["test", "--workspace", "--locked"]);
    tests.args(suites.iter().flat_map(|suite| ["--test", suite]));
    run(tests.arg("--").args(name))
}

fn stories<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Result<()> {
    run(cargo(STORIES).args(arguments))
}

/// Makes the stories print what their programs logged.
const SHOW_LOGS: &str = "PHOTOLOG_TEST_LOGS";

/// Attacks run separately.
const NOT_ATTACKS: [&str; 2] = ["--skip", ATTACKS];

/// Runs attacks one after the other and without other stories, whose memory or time must not count as
/// theirs.
fn attacks(times: &mut TestTimes) -> Result<()> {
    times.run(cargo(STORIES).arg(ATTACKS), ATTACKS_AT_ONCE)
}

const ATTACKS_AT_ONCE: usize = 1;

/// `cargo xtask soak hostile`: every attack at full size against the release build.
pub(crate) fn soak_hostile() -> Result<()> {
    setup::for_tests()?;
    run(&mut cargo(&[
        "build",
        "--release",
        "--locked",
        "--package",
        "photolog",
    ]))?;
    run(cargo(&["test", "--release", "--locked"])
        .args(PROGRAMS_AND_TESTS)
        .args(["--test", "photolog", "--", "--exact"])
        .args(["hostile_clients::soak", "--ignored", "--nocapture"]))
}

/// `cargo xtask soak`: the stories about faults, and garbage collection beside uploads, at length.
pub(crate) fn soak(rounds: u32) -> Result<()> {
    const UPLOAD_THEN_LIST_TRIALS: &str = "10000";
    const COLLECTION_RACES: &str = "10000";
    setup::for_tests()?;
    build()?;
    let mut collection = cargo(&["test", "--workspace", "--locked", "--test", "collection"]);
    run(collection.env("PHOTOLOG_RACES", COLLECTION_RACES))?;
    let mut soak = cargo(STORIES);
    soak.args(["whatever_dies", "a_list_on_any_node", "--nocapture"])
        .args(["--test-threads", "1"])
        .env("PHOTOLOG_SOAK_ROUNDS", rounds.to_string())
        .env("PHOTOLOG_TRIALS", UPLOAD_THEN_LIST_TRIALS);
    run(&mut soak)
}

/// Arguments that run the stories; any further ones go to their binary.
const STORIES: &[&str] = &[
    "test",
    "--workspace",
    "--locked",
    "--test",
    "photolog",
    "--",
];

/// Tests wait for programs and deadlines more than they compute.
const TESTS_AT_ONCE: usize = 2;

/// Enough to replay the stored inputs and to notice what breaks at once.
const FUZZ_SECONDS: u64 = 5;

/// `cargo xtask fuzz`: with the test profile, in which overflows are findings. It builds everything
/// that the tests need, because a smaller selection has other features and would be built again.
pub(crate) fn fuzz(seconds: u64, targets: &[String]) -> Result<()> {
    build()?;
    let mut fuzz = Command::new(target().join("debug/photolog-fuzz"));
    fuzz.args(["--seconds", &seconds.to_string()]);
    run(fuzz.args(targets))
}

/// The stories of attackers, by the prefix of their names.
const ATTACKS: &str = "hostile_clients::";

/// `cargo xtask deny`
pub(crate) fn dependencies() -> Result<()> {
    setup::for_tests()?;
    dependency_policy()
}

/// `cargo xtask fmt`
pub(crate) fn format() -> Result<()> {
    run(&mut cargo(&["fmt", "--all"]))
}

fn lints() -> Result<()> {
    run(&mut cargo(&[
        "clippy",
        "--workspace",
        "--all-targets",
        "--locked",
        "--",
        "-D",
        "warnings",
    ]))
}

fn documentation() -> Result<()> {
    let mut command = cargo(&[
        "doc",
        "--workspace",
        "--no-deps",
        "--document-private-items",
        "--locked",
    ]);
    run(command.env("RUSTDOCFLAGS", "-D warnings"))
}

/// The stories start the real program, so it is built with the same features as the tests.
/// [`lints`] checks the benchmarks.
fn build() -> Result<()> {
    run(&mut cargo(&[
        "build",
        "--workspace",
        "--lib",
        "--bins",
        "--examples",
        "--tests",
        "--locked",
    ]))
}

/// `deny.toml` lists what is allowed; every declared dependency must be used. Advisories are
/// checked if their database is present, because it does not come from a package registry.
fn dependency_policy() -> Result<()> {
    run(checker("deny")?.args(["--workspace", "check", "bans", "licenses", "sources"]))?;
    if has_advisories()? {
        run(checker("deny")?.args(["--workspace", "--offline", "check", "advisories"]))?;
    } else {
        eprintln!("advisories are not checked: `cargo deny fetch db` brings their database");
    }
    run(checker("shear")?.arg("--locked"))
}

fn has_advisories() -> Result<bool> {
    let cargo_home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(std::env::home_dir()?.join(".cargo")));
    let databases = cargo_home.map(|home| home.join("advisory-dbs"));
    Ok(match databases.filter(|databases| databases.is_dir()) {
        Some(databases) => databases.read_dir()?.next().is_some(),
        None => false,
    })
}

/// A cargo subcommand from the Python environment.
fn checker(subcommand: &str) -> Result<Command> {
    let tools = python_environment().join("bin");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(tools).chain(std::env::split_paths(&path));
    let mut command = cargo(&[subcommand]);
    command.env("PATH", std::env::join_paths(folders).context("PATH")?);
    Ok(command)
}
