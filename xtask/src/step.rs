//! A named step of a longer task: announced, timed, and named again when it fails.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// The steps of one run, in the order they were taken.
#[derive(Default)]
pub(crate) struct Steps {
    taken: Vec<(&'static str, Duration)>,
}

impl Steps {
    /// Take one step; its failure is the run's failure and carries its name.
    pub(crate) fn take(
        &mut self,
        name: &'static str,
        action: impl FnOnce() -> Result<()>,
    ) -> Result<()> {
        println!("\n== {name}");
        let started = Instant::now();
        action().with_context(|| format!("step `{name}` failed"))?;
        let duration = started.elapsed();
        println!("== {name}: {:.1} s", duration.as_secs_f32());
        self.taken.push((name, duration));
        Ok(())
    }

    /// Print what was done and how long each part took.
    pub(crate) fn summarize(&self) {
        println!();
        for (name, duration) in &self.taken {
            println!("{:>8.1} s  {name}", duration.as_secs_f32());
        }
        let total: Duration = self.taken.iter().map(|(_, duration)| *duration).sum();
        println!("{:>8.1} s  all steps passed", total.as_secs_f32());
    }
}

/// Run a program to its end, with our output and no input.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command
        .stdin(Stdio::null())
        .status()
        .with_context(|| format!("cannot start `{}`", line(command)))?;
    if !status.success() {
        bail!("`{}` ended with {status}", line(command));
    }
    Ok(())
}

/// Run a program to its end, but no longer than `limit`.
pub(crate) fn run_within(limit: Duration, command: &mut Command) -> Result<()> {
    let started = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot start `{}`", line(command)))?;
    loop {
        match child.try_wait()? {
            Some(status) if status.success() => return Ok(()),
            Some(status) => bail!("`{}` ended with {status}", line(command)),
            None if started.elapsed() > limit => {
                child.kill()?;
                child.wait()?;
                bail!("`{}` took longer than {} s", line(command), limit.as_secs());
            }
            None => sleep(Duration::from_millis(50)),
        }
    }
}

/// A program's standard output; nothing when it fails or does not exist.
pub(crate) fn output_of(command: &mut Command) -> Option<String> {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok()
}

/// The command as typed in a shell.
fn line(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name();
    let words: Vec<_> = program
        .into_iter()
        .chain(command.get_args())
        .map(OsStr::to_string_lossy)
        .collect();
    words.join(" ")
}
