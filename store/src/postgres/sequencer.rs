//! The sequencer gives every committed event its position in the log: positions are consecutive, and
//! each entry is chained to the previous one.
//!
//! Transactions do not become visible in the order in which they took their numbers, so a reader that
//! remembers "I have seen up to 12" misses number 11 when that commits late. Here a trigger queues
//! each event in `unsealed` in the event's own transaction, and sequencing moves rows from there to
//! `event_log` in one statement. An event that commits late is sequenced late; none can be skipped or
//! sequenced twice, no transaction that stays open delays the others, and a restored database needs
//! no special handling, because each lead begins with a full search.
//!
//! Within a stream the order holds, because an event is only appended after the previous one was
//! seen committed: a reader that sees it in the queue also sees the previous one, with an earlier
//! `arrival`.

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
use crate::column::{log_tail, stored_event};
use crate::log_entry::LogRow;
use crate::log_tail::LogTail;
use crate::progress::Head;

/// Events sequenced in one transaction.
const BATCH: usize = 1_000;

/// How often to look for events without a position, in case no notification arrives.
const POLL: Duration = Duration::from_millis(500);

/// How long the first of several appends waits for the others at most.
const GATHERING: Duration = Duration::from_millis(2);

/// Deadline for a batch, which usually takes milliseconds.
const SEQUENCING: Duration = Duration::from_secs(4);

/// The state of sequencing in this process.
#[derive(Debug, Default)]
pub(super) struct Sequencing {
    /// Notified when events may wait to be sequenced.
    pub(super) unsequenced: Notify,
    /// Notified when this process has appended.
    pub(super) appended: Notify,
    /// The epoch in which this process leads; 0 when it does not.
    pub(super) epoch: AtomicI64,
    /// The snapshot up to which this process has sequenced every event.
    sequenced: Mutex<String>,
    begun: AtomicU64,
    ended: AtomicU64,
}

/// An append in progress in this process; ends when dropped.
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

    /// Registers the start of an append.
    pub(super) fn append(&self) -> Appending<'_> {
        self.begun.fetch_add(1, Ordering::Relaxed);
        Appending(self)
    }

    /// Waits for events to sequence. An elapsed timeout has the same effect as a notification.
    ///
    /// Sequencing costs as much for many events as for one. So once the first append has finished,
    /// this waits for those in progress, as a group commit does.
    async fn gather(&self) {
        let notified = tokio::time::timeout(POLL, self.unsequenced.notified()).await;
        let begun = self.begun.load(Ordering::Relaxed);
        let all = async {
            while self.ended.load(Ordering::Relaxed) < begun {
                self.unsequenced.notified().await;
            }
        };
        if notified.is_ok() {
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

/// Sequences under one lead.
pub(super) struct Sequencer<'a> {
    pub(super) epoch: i64,
    pub(super) sequencing: &'a Sequencing,
    pub(super) head: &'a Head,
    pub(super) recent: &'a RecentLog,
}

impl Sequencer<'_> {
    /// Sequences on its own connection, until that or the lead is lost.
    pub(super) async fn run(&self, options: &PgConnectOptions) -> Result<Infallible, StoreError> {
        let mut connection = connect(options).await?;
        let mut tail = within(SEQUENCING, tail(&mut connection)).await?;
        let mut search = Search::new();
        loop {
            let found = within(SEQUENCING, search.find(&mut connection)).await?;
            for batch in found.arrivals.chunks(BATCH) {
                let sequence = sequence(&mut connection, batch, tail, self.epoch);
                let (rows, end) = within(SEQUENCING, sequence).await?;
                tail = end;
                self.recent.extend(rows);
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

/// Moves waiting events into the log, in order, and returns their rows and the new end of the
/// log. After an error the end of the log is unknown, so the caller starts over.
///
/// The rows read cannot change before they are moved, because only the leader removes rows. If a
/// second process acted as leader, the log's keys would reject its insert.
async fn sequence(
    connection: &mut PgConnection,
    arrivals: &[i64],
    tail: LogTail,
    epoch: i64,
) -> Result<(Vec<LogRow>, LogTail), StoreError> {
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
    let mut end = tail;
    for row in &rows {
        let event = stored_event(row, 0)?;
        end = end.then(&event);
        sequenced.push(LogRow {
            position: end.position,
            hash: end.hash,
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
    .bind(end.position.to_string())
    .bind(arrivals)
    .bind(epoch)
    .fetch_optional(connection)
    .await?
    .is_some();
    match is_sequenced {
        true => Ok((sequenced, end)),
        false => Err(StoreError::NotLeading),
    }
}
