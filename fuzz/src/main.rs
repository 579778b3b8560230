//! `photolog-fuzz [TARGET...]`: runs each target for some seconds, in a process of its own, so that
//! the death of the process is a finding as well.

#![expect(
    clippy::print_stdout,
    reason = "a command line tool talks on its standard output"
)]

use std::cell::RefCell;
use std::fs::{self, File};
use std::iter;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, exit};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail};
use clap::Parser;
use peak_alloc::PeakAlloc;
use photolog_fuzz::campaign::{Campaign, Outcome};
use photolog_fuzz::{Target, corpus, targets};

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// An input that runs for this long is taken to hang.
const HANG: Duration = Duration::from_secs(60);
const HUNG: i32 = 3;

/// Feed parsers with bytes that no client would send.
#[derive(Parser)]
struct Arguments {
    /// Which targets; by default all
    targets: Vec<String>,
    /// How many seconds for each target; 0 only replays stored inputs
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// The seed of the random numbers; by default the time
    #[arg(long)]
    seed: Option<u64>,
    /// Write the initial inputs to `fuzz/corpus`, and nothing more
    #[arg(long)]
    write_corpora: bool,
    /// Run one target in this process, with this file for the running input
    #[arg(long, hide = true)]
    inside: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(findings) => {
            println!("{findings} findings: see fuzz/regressions");
            ExitCode::FAILURE
        }
        Err(error) => {
            println!("failed: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<usize> {
    let chosen = if arguments.targets.is_empty() {
        targets::all()
    } else {
        let named = |name: &String| {
            let names: Vec<_> = targets::all().iter().map(|target| target.name).collect();
            targets::named(name).with_context(|| format!("targets are {}", names.join(", ")))
        };
        arguments.targets.iter().map(named).collect::<Result<_>>()?
    };
    if arguments.write_corpora {
        for target in &chosen {
            corpus::write_seeds(target).context(target.name)?;
        }
        return Ok(0);
    }
    let seed = arguments.seed.unwrap_or_else(now);
    match (&arguments.inside, chosen.as_slice()) {
        (Some(current), [target]) => inside(target, current, seed, arguments.seconds),
        (Some(_), _) => bail!("one target at a time"),
        (None, targets) => each(targets, |target| outside(target, seed, arguments.seconds)),
    }
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

/// The number of findings of all targets, of which as many run at a time as there are processors.
fn each(targets: &[Target], run: impl Fn(&Target) -> Result<usize> + Sync) -> Result<usize> {
    let next = AtomicUsize::new(0);
    let work = || {
        let taken = iter::from_fn(|| targets.get(next.fetch_add(1, Ordering::Relaxed)));
        taken.map(&run).sum::<Result<usize>>()
    };
    thread::scope(|scope| {
        let processors = thread::available_parallelism().map_or(1, NonZero::get);
        let workers: Vec<_> = (0..processors).map(|_| scope.spawn(work)).collect();
        let ended = workers.into_iter().map(|worker| worker.join());
        ended
            .map(|findings| findings.unwrap_or_else(|_| bail!("a worker panicked")))
            .sum()
    })
}

/// Runs a target in a process of its own.
fn outside(target: &Target, seed: u64, seconds: u64) -> Result<usize> {
    let current = std::env::temp_dir().join(format!(
        "photolog-fuzz-{}-{}",
        target.name,
        std::process::id()
    ));
    let status = Command::new(std::env::current_exe()?)
        .arg(target.name)
        .args(["--seed", &seed.to_string()])
        .args(["--seconds", &seconds.to_string()])
        .arg("--inside")
        .arg(&current)
        .status()?;
    let findings = match status.code() {
        Some(0) => 0,
        Some(1) => 1,
        code => {
            let what = if code == Some(HUNG) { "hang" } else { "crash" };
            let input = fs::read(&current).context("the input that ran last")?;
            let kept = corpus::keep(&corpus::regressions_folder(target), what, &input)?;
            println!("{}: {what}: {status}: {}", target.name, kept.display());
            1
        }
    };
    fs::remove_file(&current).ok();
    Ok(findings)
}

thread_local! {
    /// Message and location of the last panic, for its finding.
    static PANIC: RefCell<String> = const { RefCell::new(String::new()) };
}

fn inside(target: &Target, current: &Path, seed: u64, seconds: u64) -> Result<usize> {
    std::panic::set_hook(Box::new(|panic| {
        PANIC.with_borrow_mut(|last| *last = panic.to_string());
    }));
    let file = File::create(current).context("a file for the input that runs")?;
    watch(current.to_owned());
    let mut campaign = Campaign::new(target, file, || PANIC.with_borrow(String::clone));
    let explored = match seconds {
        0 => campaign.replay().map(drop),
        seconds => campaign.explore(seed, Duration::from_secs(seconds)),
    };
    explored.context(target.name)?;
    let outcome = campaign.end();
    report(target, seed, &outcome);
    Ok(outcome.findings.len())
}

/// Ends the process when the running input has not changed for long.
fn watch(current: PathBuf) {
    thread::spawn(move || {
        loop {
            thread::sleep(HANG / 10);
            let changed = fs::metadata(&current).and_then(|metadata| metadata.modified());
            let age = changed.ok().and_then(|changed| changed.elapsed().ok());
            if age.is_some_and(|age| age > HANG) {
                exit(HUNG);
            }
        }
    });
}

fn report(target: &Target, seed: u64, outcome: &Outcome) {
    println!(
        "{:<16} {:>9} inputs, {:>4} kinds, slowest {:>5} ms, largest {:>4} MiB, seed {seed}",
        target.name,
        outcome.inputs,
        outcome.kinds,
        outcome.slowest.as_millis(),
        outcome.largest >> 20,
    );
    for finding in &outcome.findings {
        println!("  {}\n    {}", finding.what, finding.input.display());
    }
}
