//! Hears what any process writes, and wakes who waits in this one. One connection per process.
//!
//! A notification may be lost with its connection: everybody who waits also looks by himself from
//! time to time.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use photolog_domain::ImageId;
use sqlx::postgres::{PgListener, PgNotification, PgPool};

use super::sealer::Sealing;
use crate::ImageRow;
use crate::progress::{Head, Visibility};

/// Events were appended and wait to be sealed.
const EVENTS_CHANNEL: &str = "photolog_events";
/// The log reaches as far as the payload says.
pub(super) const LOG_CHANNEL: &str = "photolog_log";
/// These images are in the view as of these sequences.
pub(super) const VIEW_CHANNEL: &str = "photolog_view";

/// How long to wait before listening again after the connection was lost.
const PAUSE: Duration = Duration::from_millis(500);

/// Listens until aborted.
pub(super) async fn run(
    pool: PgPool,
    head: Arc<Head>,
    visibility: Arc<Visibility>,
    sealing: Arc<Sealing>,
) {
    let hear = |notification: PgNotification| match notification.channel() {
        EVENTS_CHANNEL => sealing.unsealed.notify_one(),
        // What this process seals it says itself, once its own readers can have it from memory.
        LOG_CHANNEL if sealing.here.load(Ordering::Relaxed) => {}
        LOG_CHANNEL => {
            if let Ok(position) = notification.payload().parse() {
                head.reached(position);
            }
        }
        _ => visibility.show(shown_from_text(notification.payload())),
    };
    loop {
        if let Err(error) = listen(&pool, hear).await {
            tracing::warn!(%error, "the database's notifications are not heard for a moment");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Tells the process that seals that this one has appended, until aborted.
///
/// Not part of the append's own transaction: NOTIFY takes a lock of the whole database server until
/// its commit is on disk, so appends would wait for each other's disks one by one. Here any number
/// of appends share one notification.
pub(super) async fn announce(pool: PgPool, sealing: Arc<Sealing>) {
    loop {
        sealing.appended.notified().await;
        if sealing.here.load(Ordering::Relaxed) {
            continue;
        }
        let told = sqlx::query("SELECT pg_notify($1, '')")
            .bind(EVENTS_CHANNEL)
            .execute(&pool)
            .await;
        if let Err(error) = told {
            tracing::debug!(%error, "the sealer will find the events by looking");
        }
    }
}

async fn listen(pool: &PgPool, hear: impl Fn(PgNotification)) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener
        .listen_all([EVENTS_CHANNEL, LOG_CHANNEL, VIEW_CHANNEL])
        .await?;
    loop {
        hear(listener.recv().await?);
    }
}

/// Rows as a payload: `image:sequence` separated by spaces.
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
