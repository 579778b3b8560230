//! Under constant load, components fail again and again, loudly or silently; nothing acknowledged
//! is lost, nothing is done twice, and everything derived from the log agrees with it.
//!
//! | file | what it holds |
//! | --- | --- |
//! | this one | the rounds: what fails, and for how long |
//! | [`load`] | clients that write all the time and record every response |
//! | [`invariants`] | what must hold at the end of a round |

mod invariants;
mod load;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use photolog_tests::link::Link;
use photolog_tests::link::Weather::{Fair, Held};
use photolog_tests::nats::Nats;
use photolog_tests::process::signal;
use photolog_tests::scaled::Scaled;
use sqlx::{Executor, PgConnection, Row};

use load::Load;

const WRITERS: u32 = 4;

/// How many kinds of faults there are.
const KINDS: u32 = 15;

/// The longest time until lists show new writes again: the promised bound for silent faults.
const OVERCOME: Duration = Duration::from_secs(10);

/// How long a silent fault lasts: longer than recovery from it takes.
const SILENCE: Duration = Duration::from_secs(8);

/// `cargo xtask soak` requests many.
fn rounds() -> u32 {
    let wanted = std::env::var("PHOTOLOG_SOAK_ROUNDS").ok();
    wanted.and_then(|text| text.parse().ok()).unwrap_or(KINDS)
}

/// What fails in a round.
#[derive(Clone, Copy, Debug)]
enum Fault {
    ApiNode(usize),
    Projector(usize),
    Database,
    DatabaseConnections,
    NatsServer(usize),
    AllNatsServers,
    FullDisk,
    AllProcessesOfOurs,
    FrozenProjector(usize),
    FrozenNode(usize),
    HeldProjector(usize),
    HeldNode(usize),
    HalfOpenLinks,
    ForgottenLinks,
    FrozenServerProcess,
}

impl Fault {
    /// The kind of a fault, without the number of its node or server.
    fn kind(self) -> String {
        let name = format!("{self:?}");
        name.split('(').next().unwrap_or_default().to_owned()
    }
}

/// In turn, so that a short run meets each of them.
fn fault_of(round: u32) -> Fault {
    let turn = (round / KINDS) as usize;
    match round % KINDS {
        0 => Fault::Projector(turn % 2),
        1 => Fault::Database,
        2 => Fault::ApiNode(turn % 2),
        3 => Fault::NatsServer(turn % 3),
        4 => Fault::DatabaseConnections,
        5 => Fault::AllNatsServers,
        6 => Fault::FullDisk,
        7 => Fault::AllProcessesOfOurs,
        8 => Fault::FrozenProjector(turn % 2),
        9 => Fault::FrozenNode(turn % 2),
        10 => Fault::HeldProjector(turn % 2),
        11 => Fault::HeldNode(turn % 2),
        12 => Fault::HalfOpenLinks,
        13 => Fault::ForgottenLinks,
        _ => Fault::FrozenServerProcess,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_dies_under_load_nothing_is_lost_or_done_twice() {
    let mut scaled = Scaled::with_nats(Nats::cluster().into()).await;
    let load = Arc::new(Load::default());
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| tokio::spawn(load.clone().write(load::Nodes::of(&scaled), writer)))
        .collect();
    let mut recoveries: BTreeMap<String, Vec<Duration>> = BTreeMap::new();
    for round in 0..rounds() {
        // A different moment every round.
        tokio::time::sleep(Duration::from_millis(200 + u64::from(round * 7_919 % 300))).await;
        let fault = fault_of(round);
        let began = Instant::now();
        let silent = strike(&mut scaled, fault, Duration::from_millis(200)).await;
        scaled.wait_until_ready().await;
        let ready = began.elapsed();
        load.wait_for_progress().await;
        let overcome = silent.unwrap_or_else(|| began.elapsed());
        if silent.is_some() {
            assert!(
                overcome < OVERCOME,
                "{fault:?} was overcome after {overcome:?}"
            );
        }
        let paused = load.pause().await;
        let held = invariants::check(&scaled, &load).await;
        eprintln!(
            "round {round}: {fault:?}: {held}, ready after {ready:.1?}, overcome after {overcome:.1?}"
        );
        recoveries.entry(fault.kind()).or_default().push(overcome);
        drop(paused);
    }
    for (kind, times) in &mut recoveries {
        times.sort();
        let (median, longest) = (times[times.len() / 2], times[times.len() - 1]);
        eprintln!("{kind}: {} times, {median:.1?}, {longest:.1?}", times.len());
    }
    load.stop();
    for writer in writers {
        writer.await.unwrap();
    }
}

/// Waits until lists show what was written after this moment, and returns how long that took.
async fn overcome(scaled: &Scaled) -> Duration {
    let began = Instant::now();
    let mut operator = scaled.postgres.connect(&scaled.database).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let number = async |operator: &mut PgConnection, query: &'static str| -> i64 {
        sqlx::query(query).fetch_one(operator).await.unwrap().get(0)
    };
    let written = number(&mut operator, "SELECT count(*) FROM events").await;
    let shown = "SELECT position FROM checkpoints WHERE projection = 'image_view'";
    while number(&mut operator, shown).await < written {
        assert!(began.elapsed() < 3 * OVERCOME, "lists stand still");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    began.elapsed()
}

/// A silent fault: begins, is overcome while it lasts, and ends.
async fn silent(scaled: &Scaled, begin: impl FnOnce(), end: impl FnOnce()) -> Option<Duration> {
    let began = Instant::now();
    begin();
    let overcome = overcome(scaled).await;
    tokio::time::sleep(SILENCE.saturating_sub(began.elapsed())).await;
    end();
    Some(overcome)
}

/// Kills, waits, and starts again; for silent faults, returns how long recovery took.
async fn strike(scaled: &mut Scaled, fault: Fault, pause: Duration) -> Option<Duration> {
    let links = || scaled.node_links.iter().chain(&scaled.projector_links);
    match fault {
        Fault::FrozenProjector(number) => {
            let projector = &scaled.projectors[number];
            return silent(scaled, || projector.freeze(), || projector.thaw()).await;
        }
        Fault::FrozenNode(number) => {
            let node = &scaled.nodes[number].process;
            return silent(scaled, || node.freeze(), || node.thaw()).await;
        }
        Fault::HeldProjector(number) => {
            let link = &scaled.projector_links[number];
            let (begin, end) = (|| link.becomes(Held), || link.becomes(Fair));
            return silent(scaled, begin, end).await;
        }
        Fault::HeldNode(number) => {
            let link = &scaled.node_links[number];
            let (begin, end) = (|| link.becomes(Held), || link.becomes(Fair));
            return silent(scaled, begin, end).await;
        }
        Fault::HalfOpenLinks => {
            return silent(scaled, || links().for_each(Link::half_open), || {}).await;
        }
        Fault::ForgottenLinks => {
            return silent(scaled, || links().for_each(Link::forget), || {}).await;
        }
        Fault::FrozenServerProcess => {
            let process = scaled.sequencing_process().await;
            let (begin, end) = (|| signal(process, "STOP"), || signal(process, "CONT"));
            return silent(scaled, begin, end).await;
        }
        Fault::ApiNode(number) => {
            scaled.nodes[number].process.kill();
            tokio::time::sleep(pause).await;
            scaled.nodes[number].process.start_again();
        }
        Fault::Projector(number) => {
            scaled.projectors[number].kill();
            tokio::time::sleep(pause).await;
            scaled.projectors[number].start_again();
        }
        Fault::Database => {
            scaled.postgres.stop_at_once();
            tokio::time::sleep(pause).await;
            scaled.postgres.start_again();
        }
        Fault::DatabaseConnections => {
            let mut operator = scaled.postgres.connect("postgres").await;
            let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                       WHERE application_name = 'photolog'";
            operator.execute(cut).await.unwrap();
        }
        Fault::NatsServer(number) => {
            scaled.nats[number].kill();
            tokio::time::sleep(pause).await;
            scaled.nats[number].start_again();
        }
        Fault::AllNatsServers => {
            scaled.nats.iter_mut().for_each(Nats::kill);
            tokio::time::sleep(pause).await;
            scaled.nats.iter_mut().for_each(Nats::start_again);
        }
        Fault::FullDisk => {
            scaled.pictures.fill();
            tokio::time::sleep(pause).await;
            scaled.pictures.empty();
        }
        Fault::AllProcessesOfOurs => {
            scaled.nodes.iter_mut().for_each(|node| node.process.kill());
            scaled
                .projectors
                .iter_mut()
                .for_each(|projector| projector.kill());
            tokio::time::sleep(pause).await;
            scaled
                .projectors
                .iter_mut()
                .for_each(|projector| projector.start_again());
            scaled
                .nodes
                .iter_mut()
                .for_each(|node| node.process.start_again());
        }
    }
    None
}
