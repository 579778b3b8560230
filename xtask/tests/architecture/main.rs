//! The documents' promises about the shape of the source: layers without circles, names that exist.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod circles;
mod imports;
mod layers;
mod sql;
mod walk;
mod words;

use std::path::PathBuf;

/// The workspace's root.
fn workspace() -> PathBuf {
    let xtask = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap().to_owned()
}

/// The root file of a crate: a library's, or a program's.
fn root_of(name: &str) -> PathBuf {
    let source = workspace().join(name).join("src");
    let library = source.join("lib.rs");
    if library.exists() {
        library
    } else {
        source.join("main.rs")
    }
}

/// The crates whose files are checked.
const CRATES: [&str; 8] = [
    "domain",
    "rendition",
    "store",
    "projector",
    "telemetry",
    "api",
    "photolog",
    "edge-wasm",
];
