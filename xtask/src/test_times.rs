//! How long each test takes. libtest reports times only to nightly compilers, so they are derived
//! from the order in which it starts tests and the moments at which it reports their end.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// How many tests a summary lists.
const NAMED: usize = 10;

/// A test's name and its time.
type Test = (String, Duration);

/// The tests of several runs.
#[derive(Default)]
pub(crate) struct TestTimes {
    tests: Vec<Test>,
}

impl TestTimes {
    /// Run `cargo test` with this many tests at a time, and print its output as it comes.
    pub(crate) fn run(&mut self, tests: &mut Command, threads: usize) -> Result<()> {
        let mut child = tests
            .args(["--test-threads", &threads.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start cargo")?;
        let output = child.stdout.take().context("the output of cargo")?;
        let (mut began, mut ended) = (Instant::now(), Vec::new());
        for line in BufReader::new(output).lines() {
            let line = line?;
            println!("{line}");
            if line.starts_with("running ") {
                began = Instant::now();
            } else if line.starts_with("test result: ") {
                self.tests.extend(durations(&ended, threads));
                ended.clear();
            } else if let Some(name) = ended_test(&line) {
                ended.push((name.to_owned(), began.elapsed()));
            }
        }
        let status = child.wait()?;
        if !status.success() {
            bail!("cargo test ended with {status}");
        }
        Ok(())
    }

    /// Print which tests took longest.
    pub(crate) fn summarize(mut self) {
        self.tests.sort_by_key(|(_, time)| std::cmp::Reverse(*time));
        println!("\nthe slowest tests:");
        for (name, time) in self.tests.iter().take(NAMED) {
            println!("{:>8.1} s  {name}", time.as_secs_f32());
        }
    }
}

/// The name in a line such as `test story::name ... ok`.
fn ended_test(line: &str) -> Option<&str> {
    let (name, _outcome) = line.strip_prefix("test ")?.split_once(" ... ")?;
    Some(name.trim_end_matches(" - should panic"))
}

/// The times of the tests of one binary, from the moments of their ends. The first ones start at
/// once, in the order of their names, and each other one when another has ended.
fn durations(ended: &[Test], threads: usize) -> Vec<Test> {
    let mut in_order: Vec<_> = ended.iter().collect();
    in_order.sort_by_key(|(name, _)| name);
    let begins =
        std::iter::repeat_n(Duration::ZERO, threads).chain(ended.iter().map(|(_, end)| *end));
    let tests = in_order.into_iter().zip(begins);
    tests
        .map(|((name, end), begin)| (name.clone(), end.saturating_sub(begin)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_begins_when_one_before_it_has_ended() {
        let seconds = Duration::from_secs;
        // Two at a time: `a` from 0 to 5, `b` from 0 to 1, `c` from 1 to 3, `d` from 3 to 9.
        let ended = [("b", 1), ("c", 3), ("a", 5), ("d", 9)];
        let ended = ended.map(|(name, end)| (name.to_owned(), seconds(end)));
        let wanted = [("a", 5), ("b", 1), ("c", 2), ("d", 6)];
        let wanted = wanted.map(|(name, time)| (name.to_owned(), seconds(time)));
        assert_eq!(durations(&ended, 2), wanted);
    }

    #[test]
    fn the_end_of_a_test_is_known_by_its_line() {
        let name = Some("moov::upload");
        assert_eq!(ended_test("test moov::upload ... ok"), name);
        assert_eq!(
            ended_test("test moov::upload - should panic ... FAILED"),
            name
        );
        assert_eq!(
            ended_test("test moov::upload has been running for over 60 seconds"),
            None
        );
        assert_eq!(ended_test("running 3 tests"), None);
    }
}
