//! Paths: the workspace's own folders and the tools stored in `target/`.

use std::path::PathBuf;
use std::process::Command;

/// The folder that holds the workspace's `Cargo.toml`.
pub(crate) fn root() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.parent().map_or(here.clone(), PathBuf::from)
}

/// Cargo's target folder; our tools are stored there too, so that `cargo clean` removes them.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// The Python environment with the vendors' SDKs and the dependency checkers.
pub(crate) fn python_environment() -> PathBuf {
    target().join("tools/venv")
}

/// The npm packages: the edge's runtime and the worker's type checker.
pub(crate) fn runtimes_folder() -> PathBuf {
    target().join("tools/node")
}

/// The programs and their tests. Cargo unites the features of the packages that it builds together,
/// so a command that names them all uses the dependencies that the programs were built with. With
/// `photolog-tests` alone it would compile a hundred crates a second time.
pub(crate) const PROGRAMS_AND_TESTS: [&str; 6] = [
    "--package",
    "photolog",
    "--package",
    "photolog-projector",
    "--package",
    "photolog-tests",
];

/// The cargo that runs this program, called at the workspace's root.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(arguments).current_dir(root());
    command
}
