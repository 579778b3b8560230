//! What the documents promise about the shape of the source: layers without circles, names that exist.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod circles;
mod imports;
mod layers;
mod sql;
mod words;

use std::path::PathBuf;

/// The top of the workspace.
fn workspace() -> PathBuf {
    let xtask = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap().to_owned()
}

/// The crates whose files are looked at.
const CRATES: [&str; 7] = [
    "domain",
    "rendition",
    "store",
    "projector",
    "telemetry",
    "api",
    "edge-wasm",
];
