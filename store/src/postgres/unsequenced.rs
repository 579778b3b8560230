//! The search for events that are not in the log yet.
//!
//! A row of `unsealed` that was taken out stays in table and index for as long as somebody's
//! snapshot may see it, an hour when a database is dumped. So no search reads them all: it asks only
//! for what the one before could not see, by the transactions that had not ended then. PostgreSQL
//! tells these with each snapshot.

use photolog_domain::Timestamp;
use sqlx::Row;
use sqlx::postgres::PgConnection;

use super::Postgres;
use crate::StoreError;
use crate::column::parsed;

/// Arrivals that one search finds at most.
const MOST: usize = 100_000;

/// A snapshot that sees nothing, as text: no transaction is before the first.
pub(super) const BEFORE_ALL: &str = "3:3:";

/// Searches one after another, each for what the others have left.
#[derive(Debug)]
pub(super) struct Search {
    /// As PostgreSQL writes it.
    taken: String,
}

/// What a search has found.
#[derive(Debug)]
pub(super) struct Found {
    /// In order; within a stream it is that of the events.
    pub(super) arrivals: Vec<i64>,
    /// The snapshot in which it was searched; none when there were more than one search may find.
    snapshot: Option<String>,
}

impl Search {
    /// Begins with all.
    pub(super) fn new() -> Self {
        Self {
            taken: BEFORE_ALL.to_owned(),
        }
    }

    /// Looks for what waits.
    pub(super) async fn find(&self, connection: &mut PgConnection) -> Result<Found, StoreError> {
        let found = sqlx::query(
            // Materialised, or the server would walk through all arrivals because of their order.
            "WITH waiting AS MATERIALIZED (
               SELECT arrival FROM unsealed
               WHERE transaction = ANY (ARRAY(SELECT pg_snapshot_xip($1::pg_snapshot)))
               UNION ALL
               SELECT arrival FROM unsealed
               WHERE transaction >= pg_snapshot_xmax($1::pg_snapshot))
             SELECT pg_current_snapshot()::text,
                    ARRAY(SELECT arrival FROM waiting ORDER BY arrival LIMIT $2)",
        )
        .bind(&self.taken)
        .bind(MOST as i64)
        .fetch_one(connection)
        .await?;
        let arrivals: Vec<i64> = found.try_get(1)?;
        let snapshot = match arrivals.len() < MOST {
            true => Some(found.try_get(0)?),
            false => None,
        };
        Ok(Found { arrivals, snapshot })
    }

    /// All that was found has been taken. Whether there was no more.
    pub(super) fn took(&mut self, found: Found) -> bool {
        let is_all = found.snapshot.is_some();
        if let Some(snapshot) = found.snapshot {
            self.taken = snapshot;
        }
        is_all
    }

    /// What this snapshot sees was taken.
    pub(super) fn taken(&self) -> &str {
        &self.taken
    }
}

impl Postgres {
    /// Whether every committed event has its place in the log.
    pub(crate) async fn log_is_complete(&self) -> Result<bool, StoreError> {
        let query = sqlx::query("SELECT NOT EXISTS (SELECT 1 FROM unsealed)");
        self.pool
            .ask(async |connection| Ok(query.fetch_one(connection).await?.try_get(0)?))
            .await
    }

    /// The largest arrival that waits for its place in the log.
    pub(crate) async fn last_unsequenced(&self) -> Result<Option<i64>, StoreError> {
        let query = sqlx::query("SELECT arrival FROM unsealed ORDER BY arrival DESC LIMIT 1");
        let row = self.pool.fetch_optional(query).await?;
        Ok(row.map(|row| row.try_get(0)).transpose()?)
    }

    /// Whether none waits up to this arrival.
    pub(crate) async fn is_sequenced_up_to(&self, arrival: i64) -> Result<bool, StoreError> {
        let query = sqlx::query("SELECT 1 FROM unsealed WHERE arrival <= $1 LIMIT 1").bind(arrival);
        Ok(self.pool.fetch_optional(query).await?.is_none())
    }

    /// When an event happened that has long been waiting for its place. Every node asks each second.
    pub(crate) async fn oldest_unsequenced(&self) -> Result<Option<Timestamp>, StoreError> {
        let query = sqlx::query(
            "WITH waiting AS (
               (SELECT * FROM unsealed
                WHERE transaction = ANY (ARRAY(SELECT pg_snapshot_xip(sealed) FROM lease))
                ORDER BY transaction, arrival LIMIT 1)
               UNION ALL
               (SELECT * FROM unsealed
                WHERE transaction >= (SELECT pg_snapshot_xmax(sealed) FROM lease)
                ORDER BY transaction, arrival LIMIT 1)
               LIMIT 1)
             SELECT metadata ->> 'occurred_at' FROM waiting
             CROSS JOIN LATERAL (
               SELECT metadata FROM events
               WHERE events.aggregate_type = waiting.aggregate_type
                 AND events.aggregate_id = waiting.aggregate_id
                 AND events.sequence = waiting.sequence
               LIMIT 1) AS event",
        );
        self.pool
            .fetch_optional(query)
            .await?
            .map(|row| parsed(&row, 0))
            .transpose()
    }
}
