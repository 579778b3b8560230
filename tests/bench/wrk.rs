//! The load: `wrk` with one thread and 32 connections.

use std::process::{Command, Stdio};

/// What `wrk` measures; answers that are no success spoil the measurement.
pub(crate) fn requests_per_second(url: &str, headers: &[&str]) -> f64 {
    let output = Command::new("wrk")
        .args(["-t1", "-c32", "-d4s", url])
        .args(headers.iter().flat_map(|header| ["-H", header]))
        .stdin(Stdio::null())
        .output()
        .expect("wrk, which `cargo xtask setup` brings");
    let report = String::from_utf8_lossy(&output.stdout);
    let is_clean =
        output.status.success() && !report.contains("Non-2xx") && !report.contains("Socket errors");
    assert!(is_clean, "wrk {url} failed:\n{report}");
    report
        .lines()
        .find_map(|line| line.strip_prefix("Requests/sec:"))
        .and_then(|rate| rate.trim().parse().ok())
        .unwrap_or_else(|| panic!("wrk does not tell the rate:\n{report}"))
}
