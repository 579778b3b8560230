//! The health of this node: checked every second, and reported by `/readyz` and by metrics.
//!
//! A node that can serve reads stays ready: if a fault that all nodes share, such as a missing
//! projector, made them unready, no node would serve at all.

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use photolog_projector::settings::one_line;
use photolog_projector::{Progress, Projection, projections};
use photolog_store::{Blobs, Position, Store, private};
use photolog_telemetry::metric;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::error::Elapsed;
use tokio::time::timeout;

/// How often to check.
const INTERVAL: Duration = Duration::from_secs(1);

/// How long a check may take: a fault is reported within five seconds.
const LOOK: Duration = Duration::from_millis(2_500);

/// A projection that lags and makes no progress for this long is stalled.
const STANDSTILL: Duration = Duration::from_secs(3);

/// With less free space a disk counts as full, because the largest upload would not fit.
const LEAST_ROOM: u64 = 20 << 20;

/// The result of the last check.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// The lag of the slowest projection, in events; `None` when the database does not respond, so
    /// that this node cannot serve.
    pub lag: Option<u64>,
    /// What is wrong, for the operator.
    pub problems: Vec<Problem>,
}

/// One problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    kind: Kind,
    /// A sentence that describes it.
    pub sentence: String,
}

/// The kinds of problems.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Database,
    Lead,
    Projection,
    Pictures,
    Room,
}

impl Kind {
    const ALL: [Self; 5] = [
        Self::Database,
        Self::Lead,
        Self::Projection,
        Self::Pictures,
        Self::Room,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Database => "database",
            Self::Lead => "lead",
            Self::Projection => "projection",
            Self::Pictures => "pictures",
            Self::Room => "room",
        }
    }

    fn problem(self, sentence: impl Into<String>) -> Problem {
        Problem {
            kind: self,
            sentence: sentence.into(),
        }
    }
}

/// Checks every second until dropped.
pub struct HealthWatch {
    known: watch::Receiver<Arc<Health>>,
    looking: JoinHandle<()>,
}

impl HealthWatch {
    /// Checks once, then starts the periodic checks. A projection may lag by up to `most_lag`
    /// events.
    pub async fn start(store: Store, blobs: Blobs, data_folder: PathBuf, most_lag: u64) -> Self {
        let mut look = Look {
            store,
            blobs,
            data_folder,
            projections: projections(),
            most_lag,
            moved: (None, Instant::now()),
        };
        let (sender, known) = watch::channel(look.take().await);
        let looking = tokio::spawn(async move {
            loop {
                tokio::time::sleep(INTERVAL).await;
                let now = look.take().await;
                log_change(&sender.borrow(), &now);
                sender.send_replace(now);
            }
        });
        Self { known, looking }
    }

    /// The result of the last check.
    pub fn known(&self) -> Arc<Health> {
        self.known.borrow().clone()
    }
}

impl Drop for HealthWatch {
    fn drop(&mut self) {
        self.looking.abort();
    }
}

/// Logs a line for each new problem, and one when none is left.
fn log_change(before: &Health, now: &Health) {
    let is_new = |problem: &&Problem| !before.problems.iter().any(|old| old.kind == problem.kind);
    for problem in now.problems.iter().filter(is_new) {
        tracing::warn!(problem = problem.kind.name(), "{}", problem.sentence);
    }
    if now.problems.is_empty() && !before.problems.is_empty() {
        tracing::info!("all is well again");
    }
}

/// The value found, or a sentence with the reason why there is none.
fn in_time<T>(
    what: &str,
    found: Result<Result<T, impl Error + Send + Sync + 'static>, Elapsed>,
) -> Result<T, String> {
    match found {
        // `/readyz` is public, so the causes, with paths and addresses, go to the log only.
        Ok(found) => found.map_err(|error| {
            let sentence = error.to_string();
            tracing::debug!(cause = %one_line(&error.into()), "{what} cannot be used");
            sentence
        }),
        Err(_) => Err(format!("{what} does not answer in time")),
    }
}

struct Look {
    store: Store,
    blobs: Blobs,
    data_folder: PathBuf,
    projections: Vec<Arc<dyn Projection>>,
    most_lag: u64,
    /// The slowest projection and its position in the log, and since when it has been there.
    moved: (Option<(&'static str, Position)>, Instant),
}

impl Look {
    async fn take(&mut self) -> Arc<Health> {
        let mut health = Health::default();
        let (progress, writable, pictures) = tokio::join!(
            timeout(LOOK, Progress::of(&self.store, &self.projections)),
            timeout(LOOK, self.store.takes_writes()),
            timeout(LOOK, self.blobs.free_bytes()),
        );
        match in_time("the database", progress) {
            Ok(progress) => {
                progress.export();
                health.lag = Some(progress.lag());
                health.problems.extend(self.judge(&progress));
            }
            Err(sentence) => health.problems.push(Kind::Database.problem(sentence)),
        }
        if health.lag.is_some()
            && let Err(sentence) = in_time("the database", writable)
        {
            health.problems.push(Kind::Database.problem(sentence));
        }
        let own_room = private::free_bytes(&self.data_folder).ok();
        let place = "the place of the pictures";
        let room = in_time(place, pictures);
        let room = room.map_err(|sentence| {
            let sentence = format!("{place} takes no pictures: {sentence}");
            health.problems.push(Kind::Pictures.problem(sentence));
        });
        let disks = [("pictures", room.ok()), ("data folder", own_room)];
        for (disk, free) in disks {
            if free.is_some_and(|free| free < LEAST_ROOM) {
                let sentence = format!("the disk of the {disk} is full");
                health.problems.push(Kind::Room.problem(sentence));
            }
        }
        for kind in Kind::ALL {
            let is_there = health.problems.iter().any(|problem| problem.kind == kind);
            metrics::gauge!(metric::PROBLEM, "problem" => kind.name())
                .set(f64::from(u8::from(is_there)));
        }
        Arc::new(health)
    }

    /// Problems between the log and the read models.
    fn judge(&mut self, progress: &Progress) -> Vec<Problem> {
        let mut problems = Vec::new();
        let slowest = progress.slowest();
        if slowest != self.moved.0 || progress.lag() == 0 {
            self.moved = (slowest, Instant::now());
        }
        if !progress.has_lead {
            let sentence = "no projector leads: start `photolog projector`";
            problems.push(Kind::Lead.problem(sentence));
        } else if progress.unsequenced_for > STANDSTILL {
            let seconds = progress.unsequenced_for.as_secs();
            let sentence = format!("an event waits for its place in the log since {seconds} s");
            problems.push(Kind::Lead.problem(sentence));
        }
        let Some((name, position)) = slowest else {
            return problems;
        };
        if self.moved.1.elapsed() > STANDSTILL {
            let sentence = format!("the projection {name} is stalled at position {position}");
            problems.push(Kind::Projection.problem(sentence));
        } else if progress.lag() > self.most_lag {
            let lag = progress.lag();
            let sentence = format!("the projection {name} is {lag} events behind");
            problems.push(Kind::Projection.problem(sentence));
        }
        problems
    }
}
