//! Makes masters, one for each line of JSON on standard input, and reports how long each took: the
//! native half of `cargo xtask bench edge`.

use std::error::Error;
use std::io::{self, Write};
use std::time::Instant;
use std::{fs, process::ExitCode};

use photolog_rendition::make_master;
use serde_json::{Value, json};

fn main() -> ExitCode {
    for line in io::stdin().lines() {
        let answer = line.map_err(Into::into).and_then(|line| measure(&line));
        let answer = answer.unwrap_or_else(|problem| json!({ "failed": problem.to_string() }));
        if writeln!(io::stdout(), "measured {answer}").is_err() {
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn measure(line: &str) -> Result<Value, Box<dyn Error>> {
    let job: Value = serde_json::from_str(line)?;
    let path = |name: &str| job[name].as_str().ok_or("a job without its files");
    let upload = fs::read(path("input")?)?;
    let started = Instant::now();
    let master = make_master(&upload)?;
    let milliseconds = started.elapsed().as_secs_f64() * 1e3;
    fs::write(path("output")?, &master.bytes)?;
    Ok(json!({
        "ms": milliseconds,
        "bytes": master.bytes.len(),
        "type": master.media_type.to_string(),
        "width": master.dimensions.width,
        "height": master.dimensions.height,
    }))
}
