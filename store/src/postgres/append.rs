//! Appending: events and constraint tables in one transaction.
//!
//! The common append, which changes no constraint table, is a single statement: one round trip and
//! its own transaction. The trigger on `events` queues the new events for the sequencer.

use sqlx::postgres::PgConnection;

use super::{Postgres, constraints};
use crate::StoreError;
use crate::append::Append;
use crate::backend::Appends;
use crate::stored_event::StoredEvent;

impl Appends for Postgres {
    async fn append(&self, append: Append) -> Result<(), StoreError> {
        let _appending = self.sequencing.append();
        if append.changes.is_empty() && append.idempotency.is_none() {
            let insert =
                async |connection: &mut PgConnection| insert(connection, &append.events).await;
            self.unpinged.ask(insert).await?;
        } else {
            if append.idempotency.is_some() {
                self.clear_idempotency_keys().await?;
            }
            self.pool
                .transact(async |transaction| {
                    // A retry is detected first: its result must be that of the first attempt, not a
                    // content conflict.
                    if let Some(key) = &append.idempotency {
                        constraints::use_idempotency_key(transaction, &append.stream, key).await?;
                    }
                    insert(transaction, &append.events).await?;
                    for change in &append.changes {
                        let limit = append.image_limit;
                        constraints::make(transaction, change, limit, &self.master_key).await?;
                    }
                    Ok(())
                })
                .await?;
        }
        self.sequencing.appended.notify_one();
        Ok(())
    }
}

/// Inserts the events of one stream, if the stream is at the sequence before them.
async fn insert(connection: &mut PgConnection, events: &[StoredEvent]) -> Result<(), StoreError> {
    let Some(first) = events.first() else {
        return Ok(());
    };
    let texts = |field: fn(&StoredEvent) -> &str| events.iter().map(field).collect::<Vec<_>>();
    let sequences: Vec<_> = events.iter().map(|event| event.sequence).collect();
    let inserted = sqlx::query(
        "INSERT INTO events (aggregate_type, aggregate_id, sequence, event_type, event_version,
                             payload, metadata)
         SELECT $1, $2, sequence, event_type, event_version, payload::json, metadata::json
         FROM unnest($3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[])
           AS new (sequence, event_type, event_version, payload, metadata)
         WHERE $8 = (SELECT coalesce(max(sequence), 0) FROM events
                     WHERE aggregate_type = $1 AND aggregate_id = $2)",
    )
    .bind(&first.aggregate_type)
    .bind(&first.aggregate_id)
    .bind(sequences)
    .bind(texts(|event| &event.event_type))
    .bind(texts(|event| &event.event_version))
    .bind(texts(|event| &event.payload))
    .bind(texts(|event| &event.metadata))
    .bind(first.sequence - 1)
    .execute(connection)
    .await;
    match inserted {
        Ok(inserted) if inserted.rows_affected() == 0 => Err(StoreError::Conflict),
        Ok(_) => Ok(()),
        Err(error) if violates(&error, "events_pkey") => Err(StoreError::Conflict),
        Err(error) => Err(error.into()),
    }
}

/// Whether the statement violated this unique constraint (SQLSTATE 23505).
pub(super) fn violates(error: &sqlx::Error, constraint: &str) -> bool {
    error.as_database_error().is_some_and(|database| {
        database.is_unique_violation() && database.constraint() == Some(constraint)
    })
}
