//! `cargo xtask edge`: the deployable worker in `target/edge/`, the same bytes from the same
//! source: the module, its glue, the worker's own files, and settings for workerd and wrangler.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::setup;
use crate::step::{Steps, run};
use crate::workspace::{cargo, root, runtimes_folder, target};

const TRIPLE: &str = "wasm32-unknown-unknown";
/// The most memory an instance may ever have: half of what an isolate gets at a hoster.
const MEMORY_LIMIT: u32 = 64 << 20;

/// Build the worker's folder.
pub(crate) fn build() -> Result<()> {
    let mut steps = Steps::default();
    steps.take("compile target", setup::wasm_target)?;
    steps.take("module", module)?;
    steps.take("glue", glue)?;
    steps.take("worker", worker)?;
    steps.summarize();
    println!("\n{} is ready", folder().display());
    Ok(())
}

/// Build it, and let it stand its tests in workerd.
pub(crate) fn test() -> Result<()> {
    build()?;
    setup::runtimes()?;
    run(&mut cargo(&[
        "build",
        "--locked",
        "--package",
        "photolog-api",
    ]))?;
    let mut node = Command::new("node");
    node.args(["--test", "--test-reporter=spec"])
        .arg(root().join("edge-wasm/tests/edge.test.mjs"))
        .env("PHOTOLOG_PROGRAM", target().join("debug/photolog"))
        .env("PHOTOLOG_EDGE_FOLDER", folder())
        .env("PHOTOLOG_RUNTIMES", runtimes_folder());
    run(&mut node)
}

/// Where the deployable worker is.
pub(crate) fn folder() -> PathBuf {
    target().join("edge")
}

fn module() -> Result<()> {
    let mut command = cargo(&[
        "build",
        "--release",
        "--locked",
        "--package",
        "photolog-edge-wasm",
        "--lib",
        "--target",
        TRIPLE,
    ]);
    // This variable would replace the one below.
    command.env_remove("RUSTFLAGS");
    command.env_remove("CARGO_ENCODED_RUSTFLAGS");
    command.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", flags());
    command.env("CARGO_TARGET_DIR", target());
    command.env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1");
    command.env("CARGO_PROFILE_RELEASE_LTO", "fat");
    command.env("CARGO_PROFILE_RELEASE_PANIC", "abort");
    run(&mut command)
}

/// SIMD, the memory limit, and no trace of where on this machine the source lies.
fn flags() -> String {
    let cargo_home = std::env::var_os("CARGO_HOME").map_or_else(
        || std::env::home_dir().unwrap_or_default().join(".cargo"),
        PathBuf::from,
    );
    format!(
        "-C target-feature=+simd128 -C link-arg=--max-memory={MEMORY_LIMIT} \
         --remap-path-prefix={}=/photolog --remap-path-prefix={}=/cargo",
        root().display(),
        cargo_home.display()
    )
}

/// The glue's maker is a workspace of its own, so that nobody else waits for it.
fn glue() -> Result<()> {
    let tools = target().join("tools/bindgen");
    let built = target()
        .join(TRIPLE)
        .join("release/photolog_edge_wasm.wasm");
    let mut command = cargo(&["run", "--release", "--locked", "--quiet", "--manifest-path"]);
    command.arg(root().join("xtask/bindgen/Cargo.toml"));
    command.arg("--target-dir").arg(tools);
    command.arg("--").arg(built).arg(fresh_folder()?);
    run(&mut command)
}

fn fresh_folder() -> Result<PathBuf> {
    let folder = folder();
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| folder.display().to_string())?;
    }
    fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    Ok(folder)
}

fn worker() -> Result<()> {
    copy_files(&root().join("edge-wasm/worker"), &folder())
}

fn copy_files(from: &Path, to: &Path) -> Result<()> {
    for entry in fs::read_dir(from).with_context(|| from.display().to_string())? {
        let entry = entry?;
        fs::copy(entry.path(), to.join(entry.file_name()))
            .with_context(|| entry.path().display().to_string())?;
    }
    Ok(())
}
