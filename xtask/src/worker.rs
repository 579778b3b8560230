//! The edge's worker, checked without a runtime: its types by TypeScript, its modules by `node --test`.

use std::ffi::OsStr;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::setup;
use crate::step::run;
use crate::workspace::{root, runtimes_folder};

/// Check both, after installing what they need.
pub(crate) fn check() -> Result<()> {
    setup::runtimes()?;
    types()?;
    tests()
}

fn types() -> Result<()> {
    let packages = runtimes_folder().join("node_modules");
    let mut compiler = Command::new(packages.join(".bin/tsc"));
    compiler.args(["--project", "edge-wasm", "--typeRoots"]);
    run(compiler.arg(packages).current_dir(root()))
}

fn tests() -> Result<()> {
    let mut node = Command::new("node");
    node.args(["--import", "./tests/support/runtime.js", "--test"]);
    node.args(["--test-reporter", "dot"]).args(test_files()?);
    run(node.current_dir(root().join("edge-wasm")))
}

/// By name, because versions of node differ in what `--test` does with a folder.
fn test_files() -> Result<Vec<PathBuf>> {
    let folder = root().join("edge-wasm/tests");
    let entries = fs::read_dir(&folder).with_context(|| folder.display().to_string())?;
    let files = entries
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>>>()?;
    let is_test = |file: &PathBuf| {
        let name = file.file_name().and_then(OsStr::to_str);
        name.is_some_and(|name| name.ends_with(".test.js"))
    };
    Ok(files.into_iter().filter(is_test).collect())
}
