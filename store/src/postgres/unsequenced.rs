//! The search for events that are not in the log yet.
//!
//! A deleted row of `unsealed` stays in table and index for as long as any open snapshot may see it,
//! which may be an hour while a database is dumped. So no search reads them all: it reads only what
//! the previous search could not see, by the transactions that had not ended then. PostgreSQL reports
//! these with each snapshot.

use photolog_domain::Timestamp;
use sqlx::Row;
use sqlx::postgres::PgConnection;

use super::Postgres;
use crate::StoreError;
use crate::column::parsed;

/// Maximum number of arrivals per search.
const MOST: usize = 100_000;

/// A snapshot that sees nothing, as text: no transaction precedes the first.
pub(super) const BEFORE_ALL: &str = "3:3:";

/// Consecutive searches, each for what the previous ones could not see.
#[derive(Debug)]
pub(super) struct Search {
    /// The snapshot up to which everything was sequenced, in PostgreSQL's text form.
    taken: String,
}

/// The result of a search.
#[derive(Debug)]
pub(super) struct Found {
    /// In order; within a stream this is the order of the events.
    pub(super) arrivals: Vec<i64>,
    /// The snapshot of the search; `None` when there was more than one search may return.
    snapshot: Option<String>,
}

impl Search {
    /// Begins with everything.
    pub(super) fn new() -> Self {
        Self {
            taken: BEFORE_ALL.to_owned(),
        }
    }

    /// Finds waiting events.
    pub(super) async fn find(&self, connection: &mut PgConnection) -> Result<Found, StoreError> {
        let found = sqlx::query(
            // Materialised; otherwise the server would scan all arrivals to get their order.
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

    /// Records that everything found was sequenced. Returns whether there was nothing more.
    pub(super) fn took(&mut self, found: Found) -> bool {
        let is_all = found.snapshot.is_some();
        if let Some(snapshot) = found.snapshot {
            self.taken = snapshot;
        }
        is_all
    }

    /// The snapshot up to which everything was sequenced.
    pub(super) fn taken(&self) -> &str {
        &self.taken
    }
}

impl Postgres {
    /// Whether every committed event has its position in the log.
    pub(crate) async fn log_is_complete(&self) -> Result<bool, StoreError> {
        let query = sqlx::query("SELECT NOT EXISTS (SELECT 1 FROM unsealed)");
        self.pool
            .ask(async |connection| Ok(query.fetch_one(connection).await?.try_get(0)?))
            .await
    }

    /// The largest arrival that waits for its position in the log.
    pub(crate) async fn last_unsequenced(&self) -> Result<Option<i64>, StoreError> {
        let query = sqlx::query("SELECT arrival FROM unsealed ORDER BY arrival DESC LIMIT 1");
        let row = self.pool.fetch_optional(query).await?;
        Ok(row.map(|row| row.try_get(0)).transpose()?)
    }

    /// Whether no event up to this arrival is waiting.
    pub(crate) async fn is_sequenced_up_to(&self, arrival: i64) -> Result<bool, StoreError> {
        let query = sqlx::query("SELECT 1 FROM unsealed WHERE arrival <= $1 LIMIT 1").bind(arrival);
        Ok(self.pool.fetch_optional(query).await?.is_none())
    }

    /// The time of an event that has waited long for its position. Every node runs this each second.
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
