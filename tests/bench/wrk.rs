//! The load generator: `wrk` with one thread.

use std::process::{Command, Stdio};

use photolog_tests::TestApp;
use photolog_tests::figure::median;
use photolog_tests::raw::authorization;

const ROUNDS: usize = 3;

/// The rate that `wrk` measures with 32 connections.
pub(crate) fn requests_per_second(url: &str, headers: &[&str]) -> f64 {
    let headers = headers.iter().flat_map(|header| ["-H", header]);
    rate(wrk(32).arg(url).args(headers))
}

/// The rate that `wrk` measures with this many clients writing to these images.
pub(crate) fn writes_per_second(app: &TestApp, images: &[String], clients: u32) -> f64 {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let script = folder.path().join("metadata_writes.lua");
    std::fs::write(&script, include_str!("metadata_writes.lua")).expect("a script");
    let paths = images
        .iter()
        .map(|image| format!("/accounts/{}/images/{image}/metadata", app.account));
    let mut wrk = wrk(clients);
    wrk.arg("-s").arg(&script);
    wrk.args(["-H", authorization(app).trim_end()]);
    wrk.args(["-H", "Content-Type: application/json"]);
    rate(wrk.arg(&app.url).arg("--").args(paths))
}

fn wrk(connections: u32) -> Command {
    let mut wrk = Command::new("wrk");
    wrk.args(["-t1", "-d4s", &format!("-c{connections}")]);
    wrk
}

/// Responses other than success invalidate the measurement.
fn rate(wrk: &mut Command) -> f64 {
    let output = wrk
        .stdin(Stdio::null())
        .output()
        .expect("wrk, which `cargo xtask setup` brings");
    let report = String::from_utf8_lossy(&output.stdout);
    let is_clean =
        output.status.success() && !report.contains("Non-2xx") && !report.contains("Socket errors");
    assert!(is_clean, "wrk failed:\n{report}");
    report
        .lines()
        .find_map(|line| line.strip_prefix("Requests/sec:"))
        .and_then(|rate| rate.trim().parse().ok())
        .unwrap_or_else(|| panic!("wrk did not print the rate:\n{report}"))
}

/// The medians of two rates measured in turn, since the machine is not equally fast at all times.
pub(crate) fn in_turn(ours: impl Fn() -> f64, theirs: impl Fn() -> f64) -> (f64, f64) {
    let (mut measured, mut limit) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        measured.push(ours());
        limit.push(theirs());
    }
    (median(measured), median(limit))
}
