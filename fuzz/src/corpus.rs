//! Inputs on disk: `corpus/TARGET/` holds initial inputs, `regressions/TARGET/` those that once
//! failed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::Target;

/// The folder of a target's initial inputs.
pub fn corpus_folder(target: &Target) -> PathBuf {
    home().join("corpus").join(target.name)
}

/// The folder of inputs that once failed.
pub fn regressions_folder(target: &Target) -> PathBuf {
    home().join("regressions").join(target.name)
}

fn home() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The inputs in a folder, by name; none if the folder does not exist.
///
/// # Errors
/// When an input cannot be read.
pub fn read(folder: &Path) -> io::Result<Vec<(PathBuf, Vec<u8>)>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut paths = entries
        .map(|entry| Ok(entry?.path()))
        .collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    paths
        .into_iter()
        .map(|path| Ok((path.clone(), fs::read(path)?)))
        .collect()
}

/// Stores an input under its own hash.
///
/// # Errors
/// When it cannot be written.
pub fn keep(folder: &Path, kind: &str, input: &[u8]) -> io::Result<PathBuf> {
    fs::create_dir_all(folder)?;
    let hash = Sha256::digest(input);
    let name: String = hash
        .iter()
        .take(6)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let path = folder.join(format!("{kind}-{name}"));
    fs::write(&path, input)?;
    Ok(path)
}

/// Writes a target's seeds as its corpus.
///
/// # Errors
/// When they cannot be written.
pub fn write_seeds(target: &Target) -> io::Result<()> {
    let folder = corpus_folder(target);
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    for seed in (target.seeds)() {
        keep(&folder, "seed", &seed)?;
    }
    Ok(())
}
