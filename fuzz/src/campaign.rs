//! Runs a target: first every stored input, then new ones until the time is over. A panic, or an
//! input that takes too much time or memory, is a finding; its input is stored in the target's
//! regressions.

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::Target;
use crate::corpus;
use crate::limits::{self, measured};
use crate::mutator::Mutator;

/// Most inputs in memory, and most bytes of them.
const MOST_KEPT: usize = 4_096;
const MOST_KEPT_BYTES: usize = 64 << 20;
/// With this many findings a campaign ends: more would be the same.
const MOST_FINDINGS: usize = 10;

/// What went wrong.
#[derive(Debug)]
pub struct Finding {
    /// A description in one line.
    pub what: String,
    /// The path of the input.
    pub input: PathBuf,
}

/// The result of a campaign.
#[derive(Debug, Default)]
pub struct Outcome {
    /// How many inputs were run.
    pub inputs: u64,
    /// How many kinds of outcomes they had.
    pub kinds: usize,
    /// The longest time of one input.
    pub slowest: Duration,
    /// The most memory of one input, in bytes.
    pub largest: usize,
    /// What went wrong.
    pub findings: Vec<Finding>,
}

/// A running campaign.
pub struct Campaign<'a> {
    target: &'a Target,
    /// The file that holds the running input, in case the process dies with it.
    current: File,
    kinds: HashSet<u64>,
    known_findings: HashSet<String>,
    last_panic: fn() -> String,
    outcome: Outcome,
}

impl<'a> Campaign<'a> {
    /// A campaign for a target; `current` is overwritten with each input before it runs, and
    /// `last_panic` returns where and why the last panic happened.
    pub fn new(target: &'a Target, current: File, last_panic: fn() -> String) -> Self {
        Self {
            target,
            current,
            kinds: HashSet::new(),
            known_findings: HashSet::new(),
            last_panic,
            outcome: Outcome::default(),
        }
    }

    /// Runs every input of the corpus and the regressions.
    ///
    /// # Errors
    /// When an input cannot be read.
    pub fn replay(&mut self) -> io::Result<Vec<Vec<u8>>> {
        let mut inputs = corpus::read(&corpus::corpus_folder(self.target))?;
        inputs.extend(corpus::read(&corpus::regressions_folder(self.target))?);
        for (_, input) in &inputs {
            self.run(input)?;
        }
        Ok(inputs.into_iter().map(|(_, input)| input).collect())
    }

    /// Runs new inputs for this time.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub fn explore(&mut self, seed: u64, time: Duration) -> io::Result<()> {
        let mut inputs = self.replay()?;
        let mut kept: usize = inputs.iter().map(Vec::len).sum();
        let mut mutator = Mutator {
            random: fastrand::Rng::with_seed(seed),
            dictionary: self.target.dictionary,
            longest: self.target.longest,
        };
        let began = Instant::now();
        while began.elapsed() < time && self.outcome.findings.len() < MOST_FINDINGS {
            let mut input = mutator.descendant(&inputs);
            // Half of the time: repairing a checksum also hides how a wrong one is handled.
            if let Some(repair) = self.target.repair
                && mutator.random.bool()
            {
                repair(&mut input);
            }
            let is_new = self.run(&input)?;
            if is_new && inputs.len() < MOST_KEPT && kept + input.len() < MOST_KEPT_BYTES {
                kept += input.len();
                inputs.push(input);
            }
        }
        Ok(())
    }

    /// The result of the campaign.
    pub fn end(mut self) -> Outcome {
        self.outcome.kinds = self.kinds.len();
        self.outcome
    }

    /// Runs one input; returns whether its outcome is of a new kind.
    fn run(&mut self, input: &[u8]) -> io::Result<bool> {
        self.current.set_len(0)?;
        self.current.write_all_at(input, 0)?;
        self.outcome.inputs += 1;
        let target = self.target;
        let run = || catch_unwind(AssertUnwindSafe(|| (target.run)(input)));
        let (outcome, taken) = measured(run);
        self.outcome.slowest = self.outcome.slowest.max(taken.time);
        self.outcome.largest = self.outcome.largest.max(taken.memory);
        match outcome {
            Err(_) => self.found("panic", (self.last_panic)(), input)?,
            Ok(_) if taken.memory > target.limits.memory => {
                self.found("memory", format!("{} MiB", taken.memory >> 20), input)?;
            }
            // Other threads may have had the processor, so it runs again and its processor time
            // counts.
            Ok(_) if taken.time > target.limits.time => {
                let before = limits::processor_time();
                run().ok();
                let time = limits::processor_time()
                    .zip(before)
                    .map_or(taken.time, |(after, before)| after.saturating_sub(before));
                if time > target.limits.time {
                    self.found("slow", format!("{:.1} s", time.as_secs_f32()), input)?;
                }
            }
            Ok(kind) => return Ok(self.kinds.insert(kind)),
        }
        Ok(false)
    }

    /// Stores the first input of each finding.
    fn found(&mut self, kind: &str, what: String, input: &[u8]) -> io::Result<()> {
        let what = if kind == "panic" {
            what
        } else {
            format!("{kind}: {what}")
        };
        // Findings of time and memory differ in their figure, so the first of each kind is enough.
        let known = if kind == "panic" { &what } else { kind };
        if self.known_findings.insert(known.to_owned()) {
            let folder = corpus::regressions_folder(self.target);
            let input = corpus::keep(&folder, kind, input)?;
            self.outcome.findings.push(Finding { what, input });
        }
        Ok(())
    }
}
