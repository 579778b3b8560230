//! The log: all streams in one order, dense and gap-free.
//!
//! Projections, relay, history and feeds read only this, with one integer cursor.

use std::convert::Infallible;

use photolog_domain::event::decode_text;
use photolog_domain::{AccountId, EventMetadata, Timestamp};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use sqlx::{ColumnIndex, Decode, Row, Type};

use crate::chain::{Hash, link};
use crate::column::{hash, parse, stored_event};
use crate::compute::compute;
use crate::postgres::PostgresLead;
use crate::stored_event::StoredEvent;
use crate::{Backend, Store, StoreError};

/// A place in the log. The first entry has position 1; 0 is before everything.
pub type Position = i64;

/// One event at its place in the log.
#[derive(Clone, Debug)]
pub struct LogEntry {
    /// Its place among all events.
    pub position: Position,
    /// Whose stream it is.
    pub account: AccountId,
    /// `Image` or `Account`.
    pub aggregate_type: String,
    /// The stream.
    pub aggregate_id: String,
    /// Its place in the stream, from 1.
    pub sequence: u64,
    /// The stored name.
    pub event_type: String,
    /// The stored version.
    pub event_version: String,
    /// The stored payload, as it is.
    pub payload: Box<RawValue>,
    /// Who, when and why.
    pub metadata: EventMetadata,
    /// SHA-256 chained over this entry and the one before.
    pub hash: Hash,
}

impl LogEntry {
    /// The fact, lifted to today's shape.
    ///
    /// # Errors
    /// When this program cannot read it.
    pub fn event<E: DeserializeOwned>(&self) -> Result<E, StoreError> {
        Ok(decode_text(
            &self.event_type,
            &self.event_version,
            self.payload.get(),
        )?)
    }
}

impl Store {
    /// At most `limit` entries after `after`, in order.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn read_log(&self, after: Position, limit: u32) -> Result<Vec<LogEntry>, StoreError> {
        let known = match &self.backend {
            Backend::Sqlite(_) => None,
            Backend::Postgres(postgres) => postgres.sealed_here(after, limit),
        };
        let Some(rows) = known else {
            let entries = self.log_rows(None, after, limit, LogRow::into_entry);
            return entries.await;
        };
        compute(rows.len(), move || {
            rows.into_iter().map(LogRow::into_entry).collect()
        })
        .await
    }

    /// At most `limit` entries of an account after `after`, in order: its images' events and its
    /// own.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn read_log_of(
        &self,
        account: AccountId,
        after: Position,
        limit: u32,
    ) -> Result<Vec<LogEntry>, StoreError> {
        self.log_rows(Some(account), after, limit, LogRow::into_entry)
            .await
    }

    /// Like [`Store::read_log`], always from the table, and each entry with whether its hash is the
    /// one that follows from its event and the hash before it; `previous` is the hash of the entry
    /// at `after`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn read_log_checked(
        &self,
        after: Position,
        mut previous: Hash,
        limit: u32,
    ) -> Result<Vec<(LogEntry, bool)>, StoreError> {
        let checked = move |row: LogRow| {
            let intact = link(&previous, &row.event) == row.hash;
            previous = row.hash;
            Ok((row.into_entry()?, intact))
        };
        self.log_rows(None, after, limit, checked).await
    }

    /// What `read` makes of the rows, in order.
    pub(crate) async fn log_rows<T: Send + 'static>(
        &self,
        of: Option<AccountId>,
        after: Position,
        limit: u32,
        read: impl FnMut(LogRow) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<Vec<T>, StoreError> {
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.log_rows(of, after, limit, read).await,
            Backend::Postgres(postgres) => postgres.log_rows(of, after, limit, read).await,
        }
    }

    /// The position of the newest entry; 0 when the log is empty.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn log_head(&self) -> Result<Position, StoreError> {
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.log_head().await,
            Backend::Postgres(postgres) => postgres.log_head().await,
        }
    }

    /// Whether every committed event has its place in the log; on SQLite always.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn log_is_complete(&self) -> Result<bool, StoreError> {
        match &self.backend {
            Backend::Sqlite(_) => Ok(true),
            Backend::Postgres(postgres) => postgres.log_is_complete().await,
        }
    }

    /// When the oldest event happened that has no place in the log yet; on SQLite there is none.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn oldest_unsealed(&self) -> Result<Option<Timestamp>, StoreError> {
        match &self.backend {
            Backend::Sqlite(_) => Ok(None),
            Backend::Postgres(postgres) => postgres.oldest_unsealed().await,
        }
    }

    /// Waits until no other process leads, then leads. On SQLite there is only one process, and it
    /// always leads.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn lead(&self) -> Result<Lead, StoreError> {
        Ok(Lead(match &self.backend {
            Backend::Sqlite(_) => None,
            Backend::Postgres(postgres) => Some(postgres.lead().await?),
        }))
    }

    /// The newest position that this process knows of; the log may reach further.
    pub fn known_log_head(&self) -> Position {
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.head.known(),
            Backend::Postgres(postgres) => postgres.head.known(),
        }
    }

    /// Returns once the log may have grown beyond `after`, at the latest after a short poll interval.
    pub async fn log_grew(&self, after: Position) {
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.head.grew(after).await,
            Backend::Postgres(postgres) => postgres.head.grew(after).await,
        }
    }
}

/// The lead among all processes of one database: who holds it seals, projects and relays. Given up
/// when dropped.
#[derive(Debug)]
pub struct Lead(Option<PostgresLead>);

impl Lead {
    /// Gives committed events their place in the log until the lead is lost. On SQLite there is
    /// nothing to do: the append does it.
    ///
    /// # Errors
    /// When the lead is lost, with the connection to the database.
    pub async fn seal(&mut self) -> Result<Infallible, StoreError> {
        match &mut self.0 {
            None => std::future::pending().await,
            Some(postgres) => postgres.seal().await,
        }
    }
}

/// One entry of the log as the database has it.
#[derive(Clone, Debug)]
pub(crate) struct LogRow {
    pub(crate) position: Position,
    pub(crate) hash: Hash,
    pub(crate) event: StoredEvent,
    pub(crate) account: String,
}

impl LogRow {
    /// `global_position, hash`, the columns of [`stored_event`], `account`.
    pub(crate) fn read<R>(row: &R) -> Result<Self, StoreError>
    where
        R: Row,
        usize: ColumnIndex<R>,
        for<'r> &'r [u8]: Decode<'r, R::Database> + Type<R::Database>,
        String: for<'r> Decode<'r, R::Database> + Type<R::Database>,
        i64: for<'r> Decode<'r, R::Database> + Type<R::Database>,
    {
        Ok(Self {
            position: row.try_get(0)?,
            hash: hash(row.try_get(1)?)?,
            event: stored_event(row, 2)?,
            account: row.try_get(9)?,
        })
    }

    fn into_entry(self) -> Result<LogEntry, StoreError> {
        let account = parse(&self.account)?;
        self.event.into_log_entry(self.position, account, self.hash)
    }
}
