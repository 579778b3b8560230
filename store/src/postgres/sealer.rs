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
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqlx::postgres::PgConnection;
use sqlx::{ConnectOptions, Row};
use tokio::sync::Notify;

use super::Postgres;
use super::listener::LOG_CHANNEL;
use crate::chain::link;
use crate::column::{hash, stored_event};
use crate::import::Tail;
use crate::progress::Head;
use crate::{Position, StoreError};

/// The advisory lock of the lead: any number, the same in every program.
const LOCK: i64 = 7_105_821_002;

/// Events sealed in one transaction.
const BATCH: i64 = 1_000;

/// How often to look for unsealed events, should no notification come.
const POLL: Duration = Duration::from_millis(500);

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
}

impl Sealing {
    /// Events were appended by this process.
    pub(super) fn appended(&self) {
        self.unsealed.notify_one();
        self.appended.notify_one();
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
}

impl Postgres {
    /// Waits until no other process leads.
    pub(crate) async fn lead(&self) -> Result<PostgresLead, StoreError> {
        let mut connection = self.options.connect().await?;
        while !try_lock(&mut connection).await? {
            tokio::time::sleep(STAND_BY).await;
        }
        self.sealing.here.store(true, Ordering::Relaxed);
        Ok(PostgresLead {
            connection,
            sealing: self.sealing.clone(),
            head: self.head.clone(),
        })
    }
}

impl PostgresLead {
    /// Seals until the connection is lost.
    pub(crate) async fn seal(&mut self) -> Result<Infallible, StoreError> {
        let mut tail = tail(&mut self.connection).await?;
        loop {
            if seal_batch(&mut self.connection, &mut tail).await? {
                self.head.reached(tail.position);
            } else {
                // An elapsed pause means the same as a notification: go and look.
                let _ = tokio::time::timeout(POLL, self.sealing.unsealed.notified()).await;
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

/// Moves the oldest unsealed events into the log; `false` when there are none. An error leaves
/// the tail behind the truth: the caller begins again.
///
/// What is read cannot change before it is moved: only the process with the lead takes rows out.
/// Should another one believe so too, the log's keys refuse the second.
async fn seal_batch(connection: &mut PgConnection, tail: &mut Tail) -> Result<bool, StoreError> {
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
        return Ok(false);
    }
    let mut entries = Entries::default();
    for row in &rows {
        let event = stored_event(row, 0)?;
        tail.hash = link(&tail.hash, &event);
        tail.position += 1;
        entries.positions.push(tail.position);
        entries.accounts.push(row.try_get(7)?);
        entries.arrivals.push(row.try_get(8)?);
        entries.types.push(event.aggregate_type);
        entries.streams.push(event.aggregate_id);
        entries.sequences.push(event.sequence);
        entries.hashes.push(tail.hash.to_vec());
    }
    sqlx::query(
        "WITH taken AS (DELETE FROM unsealed WHERE arrival = ANY ($9)),
         sealed AS (
           INSERT INTO event_log
             (global_position, aggregate_type, aggregate_id, sequence, account, hash)
           SELECT * FROM unnest
             ($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::bytea[]))
         SELECT pg_notify($7, $8)",
    )
    .bind(entries.positions)
    .bind(entries.types)
    .bind(entries.streams)
    .bind(entries.sequences)
    .bind(entries.accounts)
    .bind(entries.hashes)
    .bind(LOG_CHANNEL)
    .bind(tail.position.to_string())
    .bind(entries.arrivals)
    .execute(&mut *connection)
    .await?;
    Ok(true)
}

/// New entries, column by column, as `unnest` takes them.
#[derive(Default)]
struct Entries {
    arrivals: Vec<i64>,
    positions: Vec<Position>,
    types: Vec<String>,
    streams: Vec<String>,
    sequences: Vec<i64>,
    accounts: Vec<String>,
    hashes: Vec<Vec<u8>>,
}
