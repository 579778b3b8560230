//! A snapshot of a PostgreSQL database: a REPEATABLE READ transaction that is READ ONLY, which also
//! works on a standby.

use futures::TryStreamExt;
use sqlx::postgres::PgConnection;
use sqlx::{Connection, Executor, Row};

use super::connections::{connect, options, patient};
use super::log::WHOLE_LOG;
use super::migrate::MIGRATIONS;
use super::{guards, secrets};
use crate::backend::SnapshotTransaction;
use crate::column::log_row;
use crate::column::{misplaced, stored_event};
use crate::log_entry::LogRow;
use crate::master_key::Check;
use crate::secrets::WrappedSecret;
use crate::snapshot::{GuardFault, Misplaced, Table};
use crate::stored_event::StoredEvent;
use crate::{Position, StoreError};

/// Compares events with log entries; `how` is as [`misplaced`] reads it.
const MISPLACED: &str = "
SELECT 'no place', aggregate_type, aggregate_id, sequence FROM events
WHERE NOT EXISTS (SELECT FROM event_log AS place
    WHERE (place.aggregate_type, place.aggregate_id, place.sequence)
        = (events.aggregate_type, events.aggregate_id, events.sequence))
  AND NOT EXISTS (SELECT FROM unsealed AS waiting
    WHERE (waiting.aggregate_type, waiting.aggregate_id, waiting.sequence)
        = (events.aggregate_type, events.aggregate_id, events.sequence))
UNION ALL
SELECT 'no event', aggregate_type, aggregate_id, sequence FROM event_log AS place
WHERE NOT EXISTS (SELECT FROM events
    WHERE (place.aggregate_type, place.aggregate_id, place.sequence)
        = (events.aggregate_type, events.aggregate_id, events.sequence))
UNION ALL
SELECT 'waits without event', aggregate_type, aggregate_id, sequence FROM unsealed AS waiting
WHERE NOT EXISTS (SELECT FROM events
    WHERE (waiting.aggregate_type, waiting.aggregate_id, waiting.sequence)
        = (events.aggregate_type, events.aggregate_id, events.sequence))
UNION ALL
SELECT 'waits again', aggregate_type, aggregate_id, sequence FROM unsealed AS waiting
WHERE EXISTS (SELECT FROM event_log AS place
    WHERE (waiting.aggregate_type, waiting.aggregate_id, waiting.sequence)
        = (place.aggregate_type, place.aggregate_id, place.sequence))
   OR EXISTS (SELECT FROM unsealed AS other
    WHERE (waiting.aggregate_type, waiting.aggregate_id, waiting.sequence)
        = (other.aggregate_type, other.aggregate_id, other.sequence)
      AND other.arrival < waiting.arrival)
LIMIT 1000";

#[derive(Debug)]
pub(crate) struct PostgresSnapshot {
    connection: PgConnection,
}

impl PostgresSnapshot {
    pub(crate) async fn open(url: &str) -> Result<Self, StoreError> {
        let options = patient(&options(url)?).options([("default_transaction_read_only", "on")]);
        let mut connection = connect(&options).await?;
        connection
            .execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            .await?;
        let exists: bool = sqlx::query("SELECT to_regclass('photolog_migrations') IS NOT NULL")
            .fetch_one(&mut connection)
            .await?
            .try_get(0)?;
        if !exists {
            return Err(StoreError::NoInstallation("this database".to_owned()));
        }
        let done: i64 = sqlx::query("SELECT coalesce(max(version), 0) FROM photolog_migrations")
            .fetch_one(&mut connection)
            .await?
            .try_get(0)?;
        let (done, known) = (usize::try_from(done).unwrap_or(0), MIGRATIONS.len());
        if done < known {
            return Err(StoreError::older_database(done, known));
        }
        if done > known {
            return Err(StoreError::newer_database(done, known));
        }
        // A new transaction, because a rebuilt view replaces the table, which an older snapshot would
        // see as empty. The lock makes a swap wait until the transaction ends.
        connection
            .execute(
                "COMMIT;
                 BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY;
                 LOCK TABLE image_view IN ACCESS SHARE MODE",
            )
            .await?;
        Ok(Self { connection })
    }
}

impl SnapshotTransaction for PostgresSnapshot {
    async fn waiting(&mut self) -> Result<Vec<StoredEvent>, StoreError> {
        let rows = sqlx::query(
            "SELECT aggregate_type, aggregate_id, sequence, event_type, event_version,
                    payload::text, metadata::text
             FROM unsealed JOIN events USING (aggregate_type, aggregate_id, sequence)
             ORDER BY arrival",
        )
        .fetch_all(&mut self.connection)
        .await?;
        let events = rows.iter().map(|row| stored_event(row, 0));
        Ok(events.collect::<Result<_, _>>()?)
    }

    async fn close(self) -> bool {
        if let Err(error) = self.connection.close().await {
            tracing::debug!(%error, "the database was not closed cleanly");
        }
        true
    }

    async fn master_key_check(&mut self) -> Result<Check, StoreError> {
        secrets::check(&mut self.connection, "").await
    }

    async fn wrapped_secrets(&mut self) -> Result<Vec<WrappedSecret>, StoreError> {
        secrets::all(&mut self.connection).await
    }

    async fn log(&mut self, after: Position, limit: u32) -> Result<Vec<LogRow>, StoreError> {
        sqlx::query(WHOLE_LOG)
            .bind(after)
            .bind(i64::from(limit))
            .fetch_all(&mut self.connection)
            .await?
            .iter()
            .map(log_row)
            .collect()
    }

    async fn misplaced(&mut self) -> Result<Vec<Misplaced>, StoreError> {
        let rows = sqlx::query(MISPLACED).fetch_all(&mut self.connection);
        rows.await?.iter().map(misplaced).collect()
    }

    async fn each_row(
        &mut self,
        table: Table,
        read: &mut dyn FnMut(&str) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let table = table.name();
        // Without generated columns, and without the column that counts a row's changes.
        let columns: Option<String> = sqlx::query(
            "SELECT string_agg(quote_ident(attname), ', ') FROM pg_attribute
             WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped
               AND attgenerated = '' AND attname <> 'changes'",
        )
        .bind(table)
        .fetch_one(&mut self.connection)
        .await?
        .try_get(0)?;
        let Some(columns) = columns else {
            return Ok(());
        };
        let query = format!(
            "SELECT row_to_json(found)::text FROM (SELECT {columns} FROM {table}) AS found"
        );
        let mut rows = sqlx::query(&query).fetch(&mut self.connection);
        while let Some(row) = rows.try_next().await? {
            read(row.try_get(0)?)?;
        }
        Ok(())
    }

    async fn guard_faults(&mut self) -> Result<Vec<GuardFault>, StoreError> {
        guards::faults(&mut self.connection).await
    }
}
