//! `docker-compose.yml`, as far as it can be judged without an engine.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use photolog_tests::process::program;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every `PHOTOLOG_…` in a text.
fn settings(text: &str) -> BTreeSet<&str> {
    let ends = |found: char| !(found.is_ascii_uppercase() || found == '_');
    text.match_indices("PHOTOLOG_")
        .map(|(at, _)| text[at..].split(ends).next().unwrap())
        .collect()
}

#[test]
fn compose_accepts_the_file() {
    let judged = Command::new("docker-compose")
        .args(["-f", "docker-compose.yml", "config", "--quiet"])
        .current_dir(root())
        .output()
        .expect("docker-compose: run `cargo xtask setup` first");
    assert!(judged.status.success(), "{judged:?}");
}

#[test]
fn its_settings_are_settings_of_the_programs() {
    let read = |file: &str| std::fs::read_to_string(root().join(file)).unwrap();
    let help = |name: &str| {
        let output = Command::new(program(name)).arg("--help").output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let (api, projector) = (help("photolog"), help("photolog-projector"));
    let edge = read("edge-wasm/worker/config.capnp");
    let known: BTreeSet<_> = [&api, &projector, &edge]
        .into_iter()
        .flat_map(|text| settings(text))
        .collect();
    let (compose, image) = (read("docker-compose.yml"), read("Dockerfile"));
    let used: BTreeSet<_> = &settings(&compose) | &settings(&image);
    assert!(used.len() >= 10, "{used:?}");
    let unknown: Vec<_> = used.difference(&known).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}
