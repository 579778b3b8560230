//! One reader of the log for all listeners of this process: thousands that wait cost nothing but
//! their connections, and an event wakes only those of its account.

pub mod events;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use photolog_domain::AccountId;
use photolog_projector::CloudEvent;
use photolog_store::{LogEntry, Position, Store, StoreError};
use photolog_telemetry::metric;
use tokio::sync::broadcast::{self, Receiver, Sender};
use tokio::task::JoinHandle;

use events::{BATCH, to_events};

/// Events kept for a listener that is slow; one that is slower reads them from the log.
const BACKLOG: usize = 64;

/// How long to wait after the log could not be read.
const PAUSE: Duration = Duration::from_secs(1);

/// How long the log may be unreadable before the feeds end: a client that is silent for no reason that
/// it can see should connect again, perhaps to another node.
const LONGEST_SILENCE: Duration = Duration::from_secs(5);

type Channels = Mutex<HashMap<AccountId, Sender<Arc<CloudEvent>>>>;

/// What is new, for all listeners.
#[derive(Debug)]
pub struct LiveFeed {
    channels: Arc<Channels>,
    reader: JoinHandle<()>,
}

impl LiveFeed {
    /// Begins to follow the log.
    pub fn start(store: Store) -> Self {
        // Shown from the start: an absent metric looks like one that is not measured.
        metrics::gauge!(metric::FEEDS).set(0.0);
        let channels = Arc::<Channels>::default();
        let reader = tokio::spawn(read(store, channels.clone()));
        Self { channels, reader }
    }

    /// What happens in an account from now on. Ends when the server stops.
    pub fn listen(&self, account: AccountId) -> Receiver<Arc<CloudEvent>> {
        let mut channels = lock(&self.channels);
        let channel = channels
            .entry(account)
            .or_insert_with(|| broadcast::channel(BACKLOG).0);
        channel.subscribe()
    }

    /// Ends all feeds, so that their connections can be closed.
    pub fn close(&self) {
        self.reader.abort();
        lock(&self.channels).clear();
    }
}

impl Drop for LiveFeed {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

fn lock(
    channels: &Channels,
) -> std::sync::MutexGuard<'_, HashMap<AccountId, Sender<Arc<CloudEvent>>>> {
    channels.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn read(store: Store, channels: Arc<Channels>) {
    let mut after = 0;
    let mut last_read = Instant::now();
    loop {
        match step(&store, &channels, after).await {
            Ok(reached) => {
                after = reached.max(after);
                last_read = Instant::now();
                store.log_grew(after).await;
            }
            Err(error) if last_read.elapsed() < LONGEST_SILENCE => {
                tracing::warn!(%error, "the feeds pause");
                tokio::time::sleep(PAUSE).await;
            }
            Err(error) => {
                tracing::warn!(%error, "the feeds end");
                lock(&channels).clear();
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Hands out what follows `after`; how far it came.
///
/// Where nobody listens the log is not read. A listener that comes then begins where the database
/// says that the log ends, which is here or later.
async fn step(store: &Store, channels: &Channels, after: Position) -> Result<Position, StoreError> {
    let head = store.known_log_head();
    lock(channels).retain(|_, channel| channel.receiver_count() > 0);
    if lock(channels).is_empty() {
        return Ok(head);
    }
    let entries = store.read_log(after, BATCH).await?;
    let reached = entries.last().map_or(after, |last| last.position);
    let mut of_accounts: HashMap<AccountId, Vec<LogEntry>> = HashMap::new();
    for entry in entries {
        of_accounts.entry(entry.account).or_default().push(entry);
    }
    for (account, entries) in of_accounts {
        let Some(channel) = lock(channels).get(&account).cloned() else {
            continue;
        };
        for event in to_events(store, account, entries).await? {
            // Without a listener left there is nobody to tell.
            let _ = channel.send(Arc::new(event));
        }
    }
    Ok(reached)
}
