//! The sequencer gives every committed event its place in the log: dense positions, each entry
//! chained to the one before.
//!
//! Transactions do not become visible in the order in which they took their numbers, so a reader
//! that remembers "I have seen up to 12" loses number 11 when that commits late. Here a trigger
//! queues each event in `unsealed` in the event's own transaction, and sequencing moves rows from
//! there to `event_log` in one statement. What commits late is sequenced late; nothing can be skipped
//! or sequenced twice, no transaction that stays open holds the others up, and a restored database
//! needs no care, because each lead begins by searching all.
//!
//! Within a stream the order holds, because an event is only appended after the one before was
//! seen committed: a reader that sees it in the queue sees that one too, with an earlier `arrival`.

use std::convert::Infallible;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sqlx::Row;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use tokio::sync::Notify;

use super::connections::{connect, within};
use super::listener::LOG_CHANNEL;
use super::recent_log::RecentLog;
use super::unsequenced::Search;
use crate::StoreError;
use crate::chain::link;
use crate::column::{log_tail, stored_event};
use crate::log_entry::LogRow;
use crate::log_tail::LogTail;
use crate::progress::Head;

/// Events sequenced in one transaction.
const BATCH: usize = 1_000;

/// How often to look for events without a place, should no notification come.
const POLL: Duration = Duration::from_millis(500);

/// How long the first of several appends waits for the others at most.
const GATHERING: Duration = Duration::from_millis(2);

/// Until a batch must be sequenced: it commonly takes milliseconds.
const SEQUENCING: Duration = Duration::from_secs(4);

/// What this process knows about sequencing.
#[derive(Debug, Default)]
pub(super) struct Sequencing {
    /// Told when events may wait to be sequenced.
    pub(super) unsequenced: Notify,
    /// Told when this process has appended.
    pub(super) appended: Notify,
    /// The epoch in which this process leads; 0 when it does not.
    pub(super) epoch: AtomicI64,
    /// The snapshot of which this process has sequenced every event.
    sequenced: Mutex<String>,
    begun: AtomicU64,
    ended: AtomicU64,
}

/// An append of this process that is under way; ends when dropped.
pub(super) struct Appending<'a>(&'a Sequencing);

impl Sequencing {
    /// Whether this process sequences.
    pub(super) fn is_here(&self) -> bool {
        self.epoch.load(Ordering::Relaxed) != 0
    }

    pub(super) fn sequenced(&self) -> String {
        let sequenced = self.sequenced.lock();
        sequenced.unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set_sequenced(&self, snapshot: &str) {
        let mut sequenced = self
            .sequenced
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        snapshot.clone_into(&mut sequenced);
    }

    /// An append begins.
    pub(super) fn append(&self) -> Appending<'_> {
        self.begun.fetch_add(1, Ordering::Relaxed);
        Appending(self)
    }

    /// Waits for something to sequence; an elapsed pause means the same as a notification: go and look.
    ///
    /// One sequence costs as much for many events as for one. So appends that are under way when the
    /// first of them is through are waited for, as a group commit does.
    async fn gather(&self) {
        let told = tokio::time::timeout(POLL, self.unsequenced.notified()).await;
        let begun = self.begun.load(Ordering::Relaxed);
        let all = async {
            while self.ended.load(Ordering::Relaxed) < begun {
                self.unsequenced.notified().await;
            }
        };
        if told.is_ok() {
            let _ = tokio::time::timeout(GATHERING, all).await;
        }
    }
}

impl Drop for Appending<'_> {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::Relaxed);
        self.0.unsequenced.notify_one();
    }
}

/// Sequences in the name of one lead.
pub(super) struct Sequencer<'a> {
    pub(super) epoch: i64,
    pub(super) sequencing: &'a Sequencing,
    pub(super) head: &'a Head,
    pub(super) recent: &'a RecentLog,
}

impl Sequencer<'_> {
    /// Sequences, by a connection of its own, until that or the lead is lost.
    pub(super) async fn run(&self, options: &PgConnectOptions) -> Result<Infallible, StoreError> {
        let mut connection = connect(options).await?;
        let mut tail = within(SEQUENCING, tail(&mut connection)).await?;
        let mut search = Search::new();
        loop {
            let found = within(SEQUENCING, search.find(&mut connection)).await?;
            for batch in found.arrivals.chunks(BATCH) {
                let sequence = sequence(&mut connection, batch, &mut tail, self.epoch);
                self.recent.extend(within(SEQUENCING, sequence).await?);
                self.head.reached(tail.position);
            }
            if search.took(found) {
                self.sequencing.set_sequenced(search.taken());
                self.sequencing.gather().await;
            }
        }
    }
}

async fn tail(connection: &mut PgConnection) -> Result<LogTail, StoreError> {
    let newest = sqlx::query(
        "SELECT global_position, hash FROM event_log ORDER BY global_position DESC LIMIT 1",
    )
    .fetch_optional(connection)
    .await?;
    Ok(log_tail(newest)?)
}

/// Moves waiting events into the log, in order; their entries. An error leaves the tail behind the
/// truth: the caller begins again.
///
/// What is read cannot change before it is moved: only the process with the lead takes rows out.
/// Should another process think so too, the log's keys refuse the second.
async fn sequence(
    connection: &mut PgConnection,
    arrivals: &[i64],
    tail: &mut LogTail,
    epoch: i64,
) -> Result<Vec<LogRow>, StoreError> {
    let rows = sqlx::query(
        "SELECT aggregate_type, aggregate_id, sequence, event_type, event_version,
                payload::text, metadata::text, account
         FROM (SELECT * FROM unsealed WHERE arrival = ANY ($1)) AS waiting
         CROSS JOIN LATERAL (
           SELECT event_type, event_version, payload, metadata,
                  coalesce(
                    (SELECT first.payload ->> 'account' FROM events AS first
                     WHERE first.aggregate_type = waiting.aggregate_type
                       AND first.aggregate_id = waiting.aggregate_id AND first.sequence = 1),
                    waiting.aggregate_id) AS account
           FROM events
           WHERE events.aggregate_type = waiting.aggregate_type
             AND events.aggregate_id = waiting.aggregate_id
             AND events.sequence = waiting.sequence
           LIMIT 1) AS event
         ORDER BY arrival",
    )
    .bind(arrivals)
    .fetch_all(&mut *connection)
    .await?;
    let mut sequenced = Vec::with_capacity(rows.len());
    for row in &rows {
        let event = stored_event(row, 0)?;
        tail.hash = link(&tail.hash, &event);
        tail.position += 1;
        sequenced.push(LogRow {
            position: tail.position,
            hash: tail.hash,
            event,
            account: row.try_get(7)?,
        });
    }
    let texts = |column: fn(&LogRow) -> &str| sequenced.iter().map(column).collect::<Vec<_>>();
    let is_sequenced = sqlx::query(
        "WITH leads AS (SELECT 1 FROM lead WHERE epoch = $10),
         taken AS (
           DELETE FROM unsealed WHERE arrival = ANY ($9) AND EXISTS (SELECT 1 FROM leads)),
         sealed AS (
           INSERT INTO event_log
             (global_position, aggregate_type, aggregate_id, sequence, account, hash)
           SELECT * FROM unnest
             ($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::bytea[])
           WHERE EXISTS (SELECT 1 FROM leads))
         SELECT pg_notify($7, $8) FROM leads",
    )
    .bind(sequenced.iter().map(|row| row.position).collect::<Vec<_>>())
    .bind(texts(|row| &row.event.aggregate_type))
    .bind(texts(|row| &row.event.aggregate_id))
    .bind(
        sequenced
            .iter()
            .map(|row| row.event.sequence)
            .collect::<Vec<_>>(),
    )
    .bind(texts(|row| &row.account))
    .bind(
        sequenced
            .iter()
            .map(|row| row.hash.as_slice())
            .collect::<Vec<_>>(),
    )
    .bind(LOG_CHANNEL)
    .bind(tail.position.to_string())
    .bind(arrivals)
    .bind(epoch)
    .fetch_optional(connection)
    .await?
    .is_some();
    match is_sequenced {
        true => Ok(sequenced),
        false => Err(StoreError::NotLeading),
    }
}
