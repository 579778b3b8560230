//! The sealer gives every committed event its place in the log: dense positions, each entry
//! chained to the one before.
//!
//! Transactions do not become visible in the order in which they took their numbers, so a reader
//! that remembers "I have seen up to 12" loses number 11 when that commits late. The sealer
//! remembers nothing: a trigger queues each event in `unsealed` in the event's own transaction, and
//! sealing moves rows from there to `event_log` in one statement. What commits late is sealed
//! late; nothing can be skipped or sealed twice, no transaction that stays open holds the others
//! up, and a restored database needs no care.
//!
//! Within a stream the order holds, because an event is only appended after the one before was
//! seen committed: whoever sees it in the queue sees that one too, with an earlier `arrival`.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use sqlx::postgres::PgConnection;
use sqlx::{ConnectOptions, Row};
use tokio::sync::Notify;

use super::Postgres;
use super::listener::LOG_CHANNEL;
use super::recent_log::RecentLog;
use crate::StoreError;
use crate::chain::link;
use crate::column::{hash, stored_event};
use crate::event_log::LogRow;
use crate::import::Tail;
use crate::progress::Head;

/// The advisory lock of the lead: any number, the same in every program.
const LOCK: i64 = 7_105_821_002;

/// Events sealed in one transaction.
const BATCH: i64 = 1_000;

/// How often to look for unsealed events, should no notification come.
const POLL: Duration = Duration::from_millis(500);

/// How long the first of several appends waits for the others at most.
const GATHERING: Duration = Duration::from_millis(2);

/// How often to ask whether another process still leads.
const STAND_BY: Duration = Duration::from_secs(1);

/// What this process knows about sealing.
#[derive(Debug, Default)]
pub(super) struct Sealing {
    /// Told when events may wait to be sealed.
    pub(super) unsealed: Notify,
    /// Told when this process has appended.
    pub(super) appended: Notify,
    /// Whether this process seals.
    pub(super) here: AtomicBool,
    begun: AtomicU64,
    ended: AtomicU64,
}

/// An append of this process that is under way; ends when dropped.
pub(super) struct Appending<'a>(&'a Sealing);

impl Sealing {
    /// An append begins.
    pub(super) fn append(&self) -> Appending<'_> {
        self.begun.fetch_add(1, Ordering::Relaxed);
        Appending(self)
    }

    /// Waits for something to seal; an elapsed pause means the same as a notification: go and look.
    ///
    /// One seal costs as much for many events as for one. So appends that are under way when the
    /// first of them is through are waited for, as a group commit does.
    async fn gather(&self) {
        let told = tokio::time::timeout(POLL, self.unsealed.notified()).await;
        let begun = self.begun.load(Ordering::Relaxed);
        let all = async {
            while self.ended.load(Ordering::Relaxed) < begun {
                self.unsealed.notified().await;
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
        self.0.unsealed.notify_one();
    }
}

/// The lead among all processes of one database: whoever holds it seals, projects and relays.
///
/// It is an advisory lock on the very connection that seals, so losing the one is losing the other.
/// When the process dies, the database frees the lock at once.
#[derive(Debug)]
pub(crate) struct PostgresLead {
    connection: PgConnection,
    sealing: Arc<Sealing>,
    head: Arc<Head>,
    recent: Arc<RecentLog>,
}

impl Postgres {
    /// Waits until no other process leads.
    pub(crate) async fn lead(&self) -> Result<PostgresLead, StoreError> {
        let mut connection = self.options.connect().await?;
        while !try_lock(&mut connection).await? {
            tokio::time::sleep(STAND_BY).await;
        }
        self.recent.forget();
        self.sealing.here.store(true, Ordering::Relaxed);
        Ok(PostgresLead {
            connection,
            sealing: self.sealing.clone(),
            head: self.head.clone(),
            recent: self.recent.clone(),
        })
    }
}

impl PostgresLead {
    /// Seals until the connection is lost.
    pub(crate) async fn seal(&mut self) -> Result<Infallible, StoreError> {
        let mut tail = tail(&mut self.connection).await?;
        loop {
            let sealed = seal_batch(&mut self.connection, &mut tail).await?;
            let is_all = sealed.len() < BATCH as usize;
            self.recent.extend(sealed);
            self.head.reached(tail.position);
            if is_all {
                self.sealing.gather().await;
            }
        }
    }
}

impl Drop for PostgresLead {
    fn drop(&mut self) {
        self.sealing.here.store(false, Ordering::Relaxed);
    }
}

async fn try_lock(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    sqlx::query("SELECT pg_try_advisory_lock($1)")
        .bind(LOCK)
        .fetch_one(connection)
        .await?
        .try_get(0)
}

async fn tail(connection: &mut PgConnection) -> Result<Tail, sqlx::Error> {
    let newest = sqlx::query(
        "SELECT global_position, hash FROM event_log ORDER BY global_position DESC LIMIT 1",
    )
    .fetch_optional(connection)
    .await?;
    let Some(newest) = newest else {
        return Ok(Tail::default());
    };
    Ok(Tail {
        position: newest.try_get(0)?,
        hash: hash(newest.try_get(1)?)?,
    })
}

/// Moves the oldest unsealed events into the log; their entries. An error leaves the tail behind
/// the truth: the caller begins again.
///
/// What is read cannot change before it is moved: only the process with the lead takes rows out.
/// Should another one believe so too, the log's keys refuse the second.
async fn seal_batch(
    connection: &mut PgConnection,
    tail: &mut Tail,
) -> Result<Vec<LogRow>, StoreError> {
    let rows = sqlx::query(
        "SELECT aggregate_type, aggregate_id, sequence, event_type, event_version,
                payload::text, metadata::text, account, arrival
         FROM (SELECT * FROM unsealed ORDER BY arrival LIMIT $1) AS waiting
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
    .bind(BATCH)
    .fetch_all(&mut *connection)
    .await?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let mut sealed = Vec::with_capacity(rows.len());
    let mut arrivals: Vec<i64> = Vec::with_capacity(rows.len());
    for row in &rows {
        let event = stored_event(row, 0)?;
        tail.hash = link(&tail.hash, &event);
        tail.position += 1;
        arrivals.push(row.try_get(8)?);
        sealed.push(LogRow {
            position: tail.position,
            hash: tail.hash,
            event,
            account: row.try_get(7)?,
        });
    }
    let texts = |column: fn(&LogRow) -> &str| sealed.iter().map(column).collect::<Vec<_>>();
    sqlx::query(
        "WITH taken AS (DELETE FROM unsealed WHERE arrival = ANY ($9)),
         sealed AS (
           INSERT INTO event_log
             (global_position, aggregate_type, aggregate_id, sequence, account, hash)
           SELECT * FROM unnest
             ($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::bytea[]))
         SELECT pg_notify($7, $8)",
    )
    .bind(sealed.iter().map(|row| row.position).collect::<Vec<_>>())
    .bind(texts(|row| &row.event.aggregate_type))
    .bind(texts(|row| &row.event.aggregate_id))
    .bind(
        sealed
            .iter()
            .map(|row| row.event.sequence)
            .collect::<Vec<_>>(),
    )
    .bind(texts(|row| &row.account))
    .bind(
        sealed
            .iter()
            .map(|row| row.hash.as_slice())
            .collect::<Vec<_>>(),
    )
    .bind(LOG_CHANNEL)
    .bind(tail.position.to_string())
    .bind(arrivals)
    .execute(&mut *connection)
    .await?;
    Ok(sealed)
}
