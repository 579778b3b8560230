//! One log reader for all listeners of this process: thousands of idle listeners cost nothing but
//! their connections, and an event wakes only the listeners of its account.

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

/// The number of events buffered for a slow listener; one that falls further behind reads from the
/// log.
const BACKLOG: usize = 64;

/// How long to wait after a failed read of the log.
const PAUSE: Duration = Duration::from_secs(1);

/// How long the log may be unreadable before the feeds end. A client that receives nothing and
/// cannot see why should reconnect, perhaps to another node.
const LONGEST_SILENCE: Duration = Duration::from_secs(5);

type Channels = Mutex<HashMap<AccountId, Sender<Arc<CloudEvent>>>>;

/// Distributes new events to all listeners.
#[derive(Debug)]
pub struct LiveFeed {
    channels: Arc<Channels>,
    reader: JoinHandle<()>,
}

impl LiveFeed {
    /// Starts following the log.
    pub fn start(store: Store) -> Self {
        // Set from the start, because an absent metric looks like one that is not measured.
        metrics::gauge!(metric::FEEDS).set(0.0);
        let channels = Arc::<Channels>::default();
        let reader = tokio::spawn(read(store, channels.clone()));
        Self { channels, reader }
    }

    /// The new events of an account. The channel closes when the server stops.
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

/// Distributes the events after `after`, and returns the position reached.
///
/// Without listeners the log is not read. A listener that joins meanwhile starts at the end of the
/// log as reported by the database, which is at this position or later.
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
            // Sending fails only if the last listener has left.
            let _ = channel.send(Arc::new(event));
        }
    }
    Ok(reached)
}
