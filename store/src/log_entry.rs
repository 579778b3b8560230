//! One event at its place in the log: as readers take it, as the database has it, as a backup keeps it.

use cqrs_es::persist::SerializedEvent;
use photolog_domain::event::{NamedEvent, decode_text};
use photolog_domain::{AccountId, EventMetadata};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::chain::{Hash, Position};
use crate::error::StoreError;
use crate::stored_event::StoredEvent;
use crate::stored_text::parse;

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
    /// The fact, lifted to today's shape; `None` when only a newer program knows it.
    ///
    /// # Errors
    /// When it is damaged.
    pub fn event<E: NamedEvent>(&self) -> Result<Option<E>, StoreError> {
        Ok(decode_text(
            &self.event_type,
            &self.event_version,
            self.payload.get(),
        )?)
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
    pub(crate) fn into_entry(self) -> Result<LogEntry, StoreError> {
        let Self {
            position,
            hash,
            event,
            account,
        } = self;
        Ok(LogEntry {
            position,
            account: parse(&account)?,
            sequence: event.sequence(),
            metadata: event.metadata()?,
            payload: RawValue::from_string(event.payload)
                .map_err(|error| StoreError::Corrupt(format!("position {position}: {error}")))?,
            aggregate_type: event.aggregate_type,
            aggregate_id: event.aggregate_id,
            event_type: event.event_type,
            event_version: event.event_version,
            hash,
        })
    }
}

/// An entry of the log with its event, exactly as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchivedEvent {
    /// Its place in the log.
    pub position: Position,
    /// Its link of the chain, in hexadecimal.
    #[serde(with = "hex")]
    pub hash: Hash,
    /// `Image` or `Account`.
    pub aggregate_type: String,
    /// The stream.
    pub aggregate_id: String,
    /// Its place in the stream, from 1.
    pub sequence: i64,
    /// The stored name.
    pub event_type: String,
    /// The stored version.
    pub event_version: String,
    /// The payload: the text that the hash covers, not what it means.
    pub payload: String,
    /// Who, when and why: the text that the hash covers.
    pub metadata: String,
}

impl ArchivedEvent {
    pub(crate) fn stored(&self) -> StoredEvent {
        StoredEvent {
            aggregate_type: self.aggregate_type.clone(),
            aggregate_id: self.aggregate_id.clone(),
            sequence: self.sequence,
            event_type: self.event_type.clone(),
            event_version: self.event_version.clone(),
            payload: self.payload.clone(),
            metadata: self.metadata.clone(),
        }
    }

    /// The event without its place, as cqrs-es takes it.
    ///
    /// # Errors
    /// When a text is no JSON.
    pub fn serialized(&self) -> Result<SerializedEvent, StoreError> {
        self.stored().serialized()
    }
}

impl From<LogRow> for ArchivedEvent {
    fn from(row: LogRow) -> Self {
        let event = row.event;
        Self {
            position: row.position,
            hash: row.hash,
            aggregate_type: event.aggregate_type,
            aggregate_id: event.aggregate_id,
            sequence: event.sequence,
            event_type: event.event_type,
            event_version: event.event_version,
            payload: event.payload,
            metadata: event.metadata,
        }
    }
}
