//! Listens for the writes of all processes and wakes the waiters in this one. One connection per
//! process.
//!
//! A notification may be lost with its connection, so every waiter also polls from time to
//! time.

use std::sync::Arc;
use std::time::Duration;

use photolog_domain::ImageId;
use sqlx::postgres::{PgConnectOptions, PgListener, PgNotification, PgPoolOptions};
use tokio::time::timeout;

use super::connections::{Connections, within};
use super::sequencer::Sequencing;
use crate::ImageRow;
use crate::progress::{Head, Visibility};

/// Events were appended and wait to be sequenced.
const EVENTS_CHANNEL: &str = "photolog_events";
/// The log reaches the position in the payload.
pub(super) const LOG_CHANNEL: &str = "photolog_log";
/// The view shows these images as of these sequences.
pub(super) const VIEW_CHANNEL: &str = "photolog_view";

/// How long to wait before listening again after the connection is lost.
const PAUSE: Duration = Duration::from_millis(500);

/// After this much silence the server is pinged, and must answer within the same time.
const SILENCE: Duration = Duration::from_secs(3);

/// Listens until aborted.
pub(super) async fn run(
    options: PgConnectOptions,
    head: Arc<Head>,
    visibility: Arc<Visibility>,
    sequencing: Arc<Sequencing>,
) {
    let hear = |notification: PgNotification| match notification.channel() {
        EVENTS_CHANNEL => sequencing.unsequenced.notify_one(),
        // This process reports its own entries, once its readers can get them from memory.
        LOG_CHANNEL if sequencing.is_here() => {}
        LOG_CHANNEL => {
            if let Ok(position) = notification.payload().parse() {
                head.reached(position);
            }
        }
        _ => visibility.show(shown_from_text(notification.payload())),
    };
    loop {
        if let Err(error) = listen(&options, hear).await {
            tracing::warn!(%error, "the connection for the database's notifications was lost");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Notifies the sequencing process that this one has appended, until aborted.
///
/// Not part of the append's own transaction: NOTIFY holds a server-wide lock until its commit is on
/// disk, so appends would wait for each other's disk writes one by one. Here any number of appends
/// share one notification.
pub(super) async fn announce(pool: Arc<Connections>, sequencing: Arc<Sequencing>) {
    loop {
        sequencing.appended.notified().await;
        if sequencing.is_here() {
            continue;
        }
        let query = sqlx::query("SELECT pg_notify($1, '')").bind(EVENTS_CHANNEL);
        let sent = pool.ask(async |connection| Ok(query.execute(connection).await?));
        if let Err(error) = sent.await {
            tracing::debug!(%error, "the sequencer will find the events by looking");
        }
    }
}

async fn listen(
    options: &PgConnectOptions,
    hear: impl Fn(PgNotification),
) -> Result<(), sqlx::Error> {
    // PgListener never returns the connection that it takes from a pool, so it gets its own pool.
    let own = PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(SILENCE);
    let own = own.connect_lazy_with(options.clone());
    let mut listener = PgListener::connect_with(&own).await?;
    let channels = [EVENTS_CHANNEL, LOG_CHANNEL, VIEW_CHANNEL];
    within(SILENCE, listener.listen_all(channels)).await?;
    loop {
        match timeout(SILENCE, listener.recv()).await {
            Ok(notification) => hear(notification?),
            Err(_) => _ = within(SILENCE, sqlx::query("SELECT 1").execute(&mut listener)).await?,
        }
    }
}

/// Rows as a payload: `image:sequence` pairs, separated by spaces.
pub(super) fn shown_to_text(rows: &[ImageRow]) -> String {
    let pairs: Vec<_> = rows
        .iter()
        .map(|row| format!("{}:{}", row.image, row.sequence))
        .collect();
    pairs.join(" ")
}

fn shown_from_text(payload: &str) -> impl Iterator<Item = (ImageId, u64)> {
    payload.split_ascii_whitespace().filter_map(|pair| {
        let (image, sequence) = pair.split_once(':')?;
        Some((image.parse().ok()?, sequence.parse().ok()?))
    })
}
