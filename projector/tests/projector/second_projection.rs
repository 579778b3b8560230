//! A custom projection beside the image view: a file that implements the trait, and one more line in
//! the list.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use photolog_domain::AccountId;
use photolog_projector::settings::RelaySettings;
use photolog_projector::{
    Batch, ImageView, Progress, Projection, ProjectionError, Projector, Rebuilt, Stalls,
    projections,
};
use photolog_store::{Position, Store};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::{World, account, set};

const NAME: &str = "event_counts";
const VERSION: u32 = 1;
const PATIENCE: Duration = Duration::from_secs(20);

/// Counts the events of each account in a file.
#[derive(Debug)]
struct EventCounts {
    file: PathBuf,
    /// Whether writing the file fails.
    is_full: AtomicBool,
    /// Whether it stops after the file is written, before the checkpoint moves.
    dies: AtomicBool,
    /// The positions received, in order.
    came: Mutex<Vec<Position>>,
}

/// The file's content; its position makes a repeated event count only once.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Counts {
    position: Position,
    events: BTreeMap<AccountId, u64>,
}

impl EventCounts {
    fn of(world: &World) -> Arc<Self> {
        Arc::new(Self {
            file: world.folder.path().join("event_counts.json"),
            is_full: AtomicBool::new(false),
            dies: AtomicBool::new(false),
            came: Mutex::default(),
        })
    }

    fn read(&self) -> Result<Counts, ProjectionError> {
        let bytes = fs::read(&self.file).map_err(|error| rows(error.into()))?;
        serde_json::from_slice(&bytes).map_err(|error| rows(error.into()))
    }

    fn write(&self, counts: &Counts) -> Result<(), ProjectionError> {
        if self.is_full.load(Ordering::Relaxed) {
            return Err(rows("the disk is full".into()));
        }
        let text = serde_json::to_vec(counts).map_err(|error| rows(error.into()))?;
        fs::write(&self.file, text).map_err(|error| rows(error.into()))
    }

    async fn count(&self, store: &Store, batch: Batch<'_>) -> Result<bool, ProjectionError> {
        let mut counts = match batch.from {
            0 => Counts::default(),
            _ => self.read()?,
        };
        for entry in batch.entries {
            self.came.lock().unwrap().push(entry.position);
            if entry.position > counts.position {
                *counts.events.entry(entry.account).or_default() += 1;
                counts.position = entry.position;
            }
        }
        self.write(&counts)?;
        if self.dies.swap(false, Ordering::Relaxed) {
            return Err(rows("it died".into()));
        }
        let moved = store.move_checkpoint(NAME, VERSION, batch.from, batch.to);
        Ok(moved.await?)
    }

    fn take_came(&self) -> Vec<Position> {
        std::mem::take(&mut *self.came.lock().unwrap())
    }
}

impl Projection for EventCounts {
    fn name(&self) -> &'static str {
        NAME
    }

    fn version(&self) -> u32 {
        VERSION
    }

    fn apply<'a>(
        &'a self,
        store: &'a Store,
        batch: Batch<'a>,
    ) -> BoxFuture<'a, Result<bool, ProjectionError>> {
        self.count(store, batch).boxed()
    }
}

fn rows(error: Box<dyn std::error::Error + Send + Sync>) -> ProjectionError {
    ProjectionError::Rows(error)
}

/// A running projector with one more projection.
struct Running {
    list: Vec<Arc<dyn Projection>>,
    stalls: watch::Receiver<Stalls>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Running {
    fn start(world: &World, counts: &Arc<EventCounts>) -> Self {
        let mut list = projections();
        list.push(counts.clone());
        let (stop, stops) = watch::channel(false);
        let relay = RelaySettings::default();
        let projector = Projector::new(world.store.clone(), relay, list.clone());
        Self {
            list,
            stalls: projector.stalls(),
            stop,
            task: tokio::spawn(projector.run(stops)),
        }
    }

    /// Waits until a projection has reached this position.
    async fn until(&self, world: &World, name: &str, position: Position) {
        let named = self.list.iter().find(|one| one.name() == name).unwrap();
        let reached = async {
            let checkpoint = || world.store.checkpoint(name, named.version());
            while checkpoint().await.unwrap() < position {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let reached = tokio::time::timeout(PATIENCE, reached).await;
        reached.unwrap_or_else(|_| panic!("{name} does not come to {position}"));
    }

    async fn stop(self) {
        self.stop.send_replace(true);
        self.task.await.unwrap();
    }
}

/// Fills the log with 3 and 1 events of two accounts.
async fn four_events(world: &World) -> BTreeMap<AccountId, u64> {
    let (one, two) = (account(), account());
    let (image, _) = world.upload(one, b"one").await;
    world.append(image, 1, set("a", "a")).await;
    world.append(image, 2, set("a", "b")).await;
    world.upload(two, b"two").await;
    [(one, 3), (two, 1)].into()
}

async fn follows_goes_on_and_is_rebuilt(mut world: World) {
    let mut expected = four_events(&world).await;
    let counts = EventCounts::of(&world);
    let running = Running::start(&world, &counts);
    running.until(&world, NAME, 4).await;
    running.until(&world, ImageView::NAME, 4).await;
    assert_eq!(counts.read().unwrap().events, expected);
    assert_eq!(counts.take_came(), [1, 2, 3, 4]);
    running.stop().await;

    // After a restart it continues where it stopped.
    world.reopen().await;
    let third = account();
    world.upload(third, b"three").await;
    expected.insert(third, 1);
    let counts = EventCounts::of(&world);
    let running = Running::start(&world, &counts);
    running.until(&world, NAME, 5).await;
    assert_eq!(counts.read().unwrap().events, expected);
    assert_eq!(counts.take_came(), [5]);

    // It is found by its name and rebuilt, although no new event arrives.
    fs::write(&counts.file, "damaged").unwrap();
    let named = running.list.iter().find(|one| one.name() == NAME).unwrap();
    let rebuilt = named.rebuild(&world.store, &mut |_| ()).await.unwrap();
    assert_eq!(rebuilt, Rebuilt::Begun);
    running.until(&world, NAME, 5).await;
    assert_eq!(counts.read().unwrap().events, expected);
    assert_eq!(counts.take_came(), [1, 2, 3, 4, 5]);
    running.stop().await;
    assert_eq!(world.findings().await, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_follows_goes_on_and_is_rebuilt_on_sqlite() {
    follows_goes_on_and_is_rebuilt(World::on_sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_follows_goes_on_and_is_rebuilt_on_postgres() {
    follows_goes_on_and_is_rebuilt(World::on_postgres().await).await;
}

async fn events_come_again_until_the_checkpoint_moves(world: World) {
    let expected = four_events(&world).await;
    let counts = EventCounts::of(&world);
    counts.dies.store(true, Ordering::Relaxed);
    let running = Running::start(&world, &counts);
    running.until(&world, NAME, 4).await;
    world
        .upload(*expected.keys().next().unwrap(), b"three")
        .await;
    counts.dies.store(true, Ordering::Relaxed);
    running.until(&world, NAME, 5).await;
    let came = counts.take_came();
    for position in 1..=5 {
        assert!(came.contains(&position), "{position}: {came:?}");
    }
    assert!(came.len() > 5, "{came:?}");
    let counted: u64 = counts.read().unwrap().events.values().sum();
    assert_eq!(counted, 5);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_come_again_until_the_checkpoint_moves_on_sqlite() {
    events_come_again_until_the_checkpoint_moves(World::on_sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_come_again_until_the_checkpoint_moves_on_postgres() {
    events_come_again_until_the_checkpoint_moves(World::on_postgres().await).await;
}

async fn one_that_fails_holds_up_no_other(world: World) {
    let expected = four_events(&world).await;
    let counts = EventCounts::of(&world);
    counts.is_full.store(true, Ordering::Relaxed);
    let mut running = Running::start(&world, &counts);
    running.until(&world, ImageView::NAME, 4).await;
    let stalled = running.stalls.wait_for(|stalls| !stalls.is_empty());
    let stalled = tokio::time::timeout(PATIENCE, stalled).await;
    let stalled = stalled.unwrap().unwrap().clone();
    assert_eq!(stalled.len(), 1, "{stalled:?}");
    assert_eq!(stalled[NAME].after, 0);

    // The image view continues, and the lagging projection is reported by name.
    let (_, uploaded) = world.upload(account(), b"three").await;
    let shown = world.store.wait_until_visible(&uploaded, PATIENCE).await;
    assert!(shown.unwrap());
    let progress = Progress::of(&world.store, &running.list).await.unwrap();
    assert_eq!(progress.slowest(), Some((NAME, 0)));
    assert_eq!(progress.lag(), 5);

    counts.is_full.store(false, Ordering::Relaxed);
    running.until(&world, NAME, 5).await;
    let healed = running.stalls.wait_for(Stalls::is_empty);
    let healed = tokio::time::timeout(PATIENCE, healed).await;
    healed.unwrap().unwrap();
    let counted: u64 = counts.read().unwrap().events.values().sum();
    assert_eq!(counted, 1 + expected.values().sum::<u64>());
    running.stop().await;
    assert_eq!(world.findings().await, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_fails_holds_up_no_other_on_sqlite() {
    one_that_fails_holds_up_no_other(World::on_sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_fails_holds_up_no_other_on_postgres() {
    one_that_fails_holds_up_no_other(World::on_postgres().await).await;
}
