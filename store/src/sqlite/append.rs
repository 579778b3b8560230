//! One append inside the writer's transaction: events, their log entries, and the constraint tables,
//! all or nothing.
//!
//! Every statement costs a hop to the connection's thread, so statements that always go together are
//! sent as one text. The common append, one event that changes no constraint table, is one hop.

use sqlx::sqlite::SqliteConnection;

use super::constraints;
use crate::StoreError;
use crate::append::Append;
use crate::chain::link;
use crate::error::sqlite_code;
use crate::log_tail::LogTail;
use crate::master_key::MasterKey;
use crate::stored_event::StoredEvent;

/// Why an append fails: it alone is refused, or the whole transaction is lost.
#[derive(Debug)]
pub(super) enum AppendFailure {
    Refused(StoreError),
    Broken(sqlx::Error),
}

/// SQLITE_CONSTRAINT, the primary code of every violation.
const CONSTRAINT: i64 = 19;

impl From<sqlx::Error> for AppendFailure {
    fn from(error: sqlx::Error) -> Self {
        let sqlx::Error::Database(database) = &error else {
            return Self::Broken(error);
        };
        match sqlite_code(database.as_ref()) {
            Some(code) if code & 0xff == CONSTRAINT => Self::Refused(StoreError::Database(error)),
            _ => Self::Broken(error),
        }
    }
}

/// A secret that cannot be stored; the database's own errors are converted separately.
impl From<StoreError> for AppendFailure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(error) | StoreError::Database(error) => error.into(),
            error => Self::Refused(error),
        }
    }
}

/// The outcome of one append; an error is the outcome of the whole transaction. `tail` advances when
/// the append is accepted.
pub(super) async fn append_in_savepoint(
    connection: &mut SqliteConnection,
    append: &Append,
    tail: &mut LogTail,
    master_key: &MasterKey,
) -> Result<Result<(), StoreError>, sqlx::Error> {
    // A single event's first statement either succeeds or leaves nothing to roll back.
    let several =
        append.events.len() > 1 || !append.changes.is_empty() || append.idempotency.is_some();
    if several {
        execute(connection, "SAVEPOINT append").await?;
    }
    let mut grown = *tail;
    let written: Result<(), AppendFailure> = async {
        // A retry is detected first: its result must be that of the first attempt, not a conflict.
        if let Some(key) = &append.idempotency {
            constraints::use_idempotency_key(connection, &append.stream, key).await?;
        }
        for event in &append.events {
            grown.hash = link(&grown.hash, event);
            grown.position += 1;
            insert_event(connection, event, &grown).await?;
        }
        for change in &append.changes {
            constraints::make(connection, change, append.image_limit, master_key).await?;
        }
        Ok(())
    }
    .await;
    let end = match written {
        Ok(()) => {
            *tail = grown;
            Ok(())
        }
        Err(AppendFailure::Refused(error)) => Err(error),
        Err(AppendFailure::Broken(error)) => return Err(error),
    };
    if several {
        let release = match end {
            Ok(()) => "RELEASE append",
            Err(_) => "ROLLBACK TO append; RELEASE append",
        };
        execute(connection, release).await?;
    }
    Ok(end)
}

async fn execute(connection: &mut SqliteConnection, sql: &str) -> Result<(), sqlx::Error> {
    sqlx::query(sql).execute(connection).await.map(drop)
}

/// Inserts an event after its log entry: if the stream is not where the writer expects, there is
/// nothing to roll back.
pub(super) async fn insert_event(
    connection: &mut SqliteConnection,
    event: &StoredEvent,
    tail: &LogTail,
) -> Result<(), AppendFailure> {
    let inserted = sqlx::query(
        // Any row that another program has put there without a log entry was never read.
        "DELETE FROM events
         WHERE aggregate_type = ?1 AND aggregate_id = ?2 AND sequence = ?3 AND NOT EXISTS (
           SELECT 1 FROM event_log
           WHERE aggregate_type = ?1 AND aggregate_id = ?2 AND sequence = ?3);
         INSERT INTO event_log
           (global_position, aggregate_type, aggregate_id, sequence, hash, account)
         VALUES (?8, ?1, ?2, ?3, ?9, coalesce(
           CASE ?3 WHEN 1 THEN ?6 ->> 'account' END,
           (SELECT account FROM event_log
            WHERE aggregate_type = ?1 AND aggregate_id = ?2 AND sequence = 1),
           ?2));
         INSERT INTO events (aggregate_type, aggregate_id, sequence, event_type, event_version,
                             payload, metadata)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )
    .bind(&event.aggregate_type)
    .bind(&event.aggregate_id)
    .bind(event.sequence)
    .bind(&event.event_type)
    .bind(&event.event_version)
    .bind(&event.payload)
    .bind(&event.metadata)
    .bind(tail.position)
    .bind(tail.hash.as_slice())
    .execute(connection)
    .await;
    match inserted {
        Ok(_) => Ok(()),
        Err(error) if is_conflict(&error) => Err(AppendFailure::Refused(StoreError::Conflict)),
        // The writer's log tail is wrong, or half of an event is stored: nothing of this batch may
        // stay.
        Err(error) => Err(AppendFailure::Broken(error)),
    }
}

/// Whether a trigger of the log (1811) reports that the stream is not where the writer expects.
fn is_conflict(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|database| {
        sqlite_code(database) == Some(1811) && database.message().contains("the stream has")
    })
}
