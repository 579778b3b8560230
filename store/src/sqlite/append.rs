//! One append inside the writer's transaction: events, their places in the log, and the inline
//! tables. Either all of it happens or nothing.
//!
//! Every statement costs a hop to the connection's thread, so those that always go together
//! are sent as one text. The common append, one event without an inline change, is one hop.

use sqlx::sqlite::SqliteConnection;

use super::inline;
use crate::StoreError;
use crate::chain::link;
use crate::error::sqlite_code;
use crate::event_store::Append;
use crate::import::Tail;
use crate::master_key::MasterKey;
use crate::stored_event::StoredEvent;

/// Why an append does not go on: refused by itself, or the whole transaction is lost.
#[derive(Debug)]
pub(super) enum Stop {
    Refused(StoreError),
    Broken(sqlx::Error),
}

/// SQLITE_CONSTRAINT, the primary code of every violation.
const CONSTRAINT: i64 = 19;

impl From<sqlx::Error> for Stop {
    fn from(error: sqlx::Error) -> Self {
        let sqlx::Error::Database(database) = &error else {
            return Self::Broken(error);
        };
        match sqlite_code(database.as_ref()) {
            // The primary key of events (1555), or their trigger: the stream is not where the
            // writer thought. Under another table layout the former would come as 2067 (unique).
            Some(1555 | 2067 | 1811) if database.message().contains("events") => {
                Self::Refused(StoreError::Conflict)
            }
            // The writer's own count of the log is wrong: nothing of this batch may stay.
            Some(_) if database.message().contains("event_log") => Self::Broken(error),
            Some(code) if code & 0xff == CONSTRAINT => Self::Refused(StoreError::Database(error)),
            _ => Self::Broken(error),
        }
    }
}

/// A secret that cannot be kept; what the database itself says comes as its own error.
impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(error) | StoreError::Database(error) => error.into(),
            error => Self::Refused(error),
        }
    }
}

/// The fate of one append; an error is the fate of the whole transaction. `tail` moves on when
/// the append is taken.
pub(super) async fn run(
    connection: &mut SqliteConnection,
    append: &Append,
    tail: &mut Tail,
    master_key: &MasterKey,
) -> Result<Result<(), StoreError>, sqlx::Error> {
    // The first statement of a single event is refused or not; nothing is there to take back.
    let several =
        append.events.len() > 1 || !append.changes.is_empty() || append.idempotency.is_some();
    if several {
        execute(connection, "SAVEPOINT append").await?;
    }
    let mut grown = *tail;
    let end = match parts(connection, append, &mut grown, master_key).await {
        Ok(()) => {
            *tail = grown;
            Ok(())
        }
        Err(Stop::Refused(error)) => Err(error),
        Err(Stop::Broken(error)) => return Err(error),
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

/// A retry is recognised first: it should learn what it did, not that its content is there.
async fn parts(
    connection: &mut SqliteConnection,
    append: &Append,
    tail: &mut Tail,
    master_key: &MasterKey,
) -> Result<(), Stop> {
    if let Some(key) = &append.idempotency {
        inline::use_idempotency_key(connection, &append.stream, key).await?;
    }
    for event in &append.events {
        tail.hash = link(&tail.hash, event);
        tail.position += 1;
        insert_event(connection, event, tail).await?;
    }
    for change in &append.changes {
        inline::make(connection, change, append.image_limit, master_key).await?;
    }
    Ok(())
}

pub(super) async fn insert_event(
    connection: &mut SqliteConnection,
    event: &StoredEvent,
    tail: &Tail,
) -> Result<(), Stop> {
    sqlx::query(
        "INSERT INTO events (aggregate_type, aggregate_id, sequence, event_type, event_version,
                             payload, metadata)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7);
         INSERT INTO event_log
           (global_position, aggregate_type, aggregate_id, sequence, hash, account)
         VALUES (?8, ?1, ?2, ?3, ?9, coalesce(
           (SELECT payload ->> 'account' FROM events
            WHERE aggregate_type = ?1 AND aggregate_id = ?2 AND sequence = 1), ?2))",
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
    .await?;
    Ok(())
}
