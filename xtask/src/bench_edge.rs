//! `cargo xtask bench edge`: the edge's module and the native ingest against their peers.
//! Everything installed for it, peers, photographs and the quality meter, stays in
//! `target/bench-edge`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::edge;
use crate::setup;
use crate::step::{Steps, run, run_within};
use crate::workspace::{cargo, root, target};

const NPM_LIMIT: Duration = Duration::from_secs(300);
/// Debian's package with the photographs of the corpus.
const PHOTOGRAPHS: &str = "plasma-workspace-wallpapers";
/// sharp compiled to WASM. npm refuses to install it where the native build fits.
const SHARP_WASM: &str = "@img/sharp-wasm32";

/// Measure, and print the table of ratios.
pub(crate) fn run_benchmark() -> Result<()> {
    edge::build()?;
    let mut steps = Steps::default();
    steps.take("native renderer", native_renderer)?;
    steps.take("peers", peers)?;
    steps.take("corpus", corpus)?;
    steps.take("measurements", measure)?;
    steps.summarize();
    Ok(())
}

fn folder() -> PathBuf {
    target().join("bench-edge")
}

/// The measuring code.
fn sources() -> PathBuf {
    root().join("tests/bench/edge")
}

fn native_renderer() -> Result<()> {
    run(&mut cargo(&[
        "build",
        "--release",
        "--locked",
        "--package",
        "photolog-rendition",
        "--example",
        "ingest",
    ]))
}

/// The peers, by the names and versions of `package.json`, and sharp once more in a folder of its
/// own: next to its native build, the WASM one is not used.
fn peers() -> Result<()> {
    let source = fs::read_to_string(sources().join("package.json")).context("package.json")?;
    let sharp = version(&source, "sharp")?;
    let peers = folder().join("peers");
    let native = folder().join("native");
    if fs::read_to_string(native.join("installed-peers")).is_ok_and(|done| done == source) {
        return Ok(());
    }
    for folder in [&peers, &native] {
        fs::create_dir_all(folder)?;
    }
    fs::write(peers.join("package.json"), &source)?;
    fs::write(native.join("package.json"), r#"{"private": true}"#)?;
    npm(&peers, &["--omit=optional"])?;
    npm(
        &peers,
        &[
            "--no-save",
            "--force",
            "--cpu=wasm32",
            &format!("{SHARP_WASM}@{sharp}"),
        ],
    )?;
    npm(&native, &[&format!("sharp@{sharp}")])?;
    fs::write(native.join("installed-peers"), source)?;
    Ok(())
}

/// The version of a dependency in a `package.json`.
fn version<'a>(package: &'a str, name: &str) -> Result<&'a str> {
    package
        .split_once(&format!("\"{name}\": \""))
        .and_then(|(_, rest)| rest.split('"').next())
        .with_context(|| format!("package.json without {name}"))
}

fn npm(folder: &Path, words: &[&str]) -> Result<()> {
    let mut npm = Command::new("npm");
    npm.args(["install", "--ignore-scripts", "--no-audit", "--no-fund"]);
    run_within(NPM_LIMIT, npm.args(words).current_dir(folder))
}

fn corpus() -> Result<()> {
    let environment = folder().join("venv");
    let python = environment.join("bin/python");
    let corpus = folder().join("corpus");
    if !python.is_file() {
        setup::create_environment(&environment)?;
    }
    run(Command::new(&python)
        .args(["-m", "pip", "install", "--quiet"])
        .args(["--disable-pip-version-check", "--requirement"])
        .arg(sources().join("requirements.txt")))?;
    let script = sources().join("corpus.py");
    let source = fs::read_to_string(&script).context("corpus.py")?;
    let stamp = corpus.join("made-by");
    if fs::read_to_string(&stamp).is_ok_and(|made| made == source) {
        return Ok(());
    }
    let photographs = photographs()?;
    run(Command::new(&python)
        .arg(script)
        .arg(&corpus)
        .arg(photographs))?;
    fs::write(stamp, source)?;
    Ok(())
}

/// Debian's package, unpacked but not installed.
fn photographs() -> Result<PathBuf> {
    let scratch = folder().join("download");
    let unpacked = folder().join("photographs");
    if unpacked.is_dir() {
        return Ok(unpacked);
    }
    if scratch.exists() {
        fs::remove_dir_all(&scratch)?;
    }
    fs::create_dir_all(&scratch)?;
    run(&mut setup::apt_get(&["update", "-qq"]))?;
    // As the current user: a download is not an installation.
    run(Command::new("apt-get")
        .args(["download", "-qq", PHOTOGRAPHS])
        .current_dir(&scratch))
    .with_context(|| format!("the photographs are in Debian's {PHOTOGRAPHS}"))?;
    let package = fs::read_dir(&scratch)?
        .next()
        .context("apt-get downloaded nothing")??
        .path();
    run(Command::new("dpkg-deb")
        .arg("--extract")
        .arg(package)
        .arg(&unpacked))?;
    Ok(unpacked)
}

fn measure() -> Result<()> {
    let mut node = Command::new("node");
    node.arg(sources().join("run.mjs"))
        .env("BENCH_FOLDER", folder())
        .env("EDGE_FOLDER", edge::folder())
        .env(
            "INGEST_PROGRAM",
            target().join("release/examples").join("ingest"),
        );
    run(&mut node)
}
