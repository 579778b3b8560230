//! One event at its position in the log: for readers, as a database row, and as archived in a backup.

use cqrs_es::persist::SerializedEvent;
use photolog_domain::event::{NamedEvent, decode_text};
use photolog_domain::{AccountId, EventMetadata};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::chain::{Hash, Position};
use crate::error::StoreError;
use crate::stored_event::StoredEvent;
use crate::stored_text::parse;

/// One event at its position in the log.
#[derive(Clone, Debug)]
pub struct LogEntry {
    /// Its position among all events.
    pub position: Position,
    /// The account that owns the stream.
    pub account: AccountId,
    /// `Image` or `Account`.
    pub aggregate_type: String,
    /// The stream.
    pub aggregate_id: String,
    /// Its number in the stream, from 1.
    pub sequence: u64,
    /// The stored name.
    pub event_type: String,
    /// The stored version.
    pub event_version: String,
    /// The stored payload, unchanged.
    pub payload: Box<RawValue>,
    /// Who, when and why.
    pub metadata: EventMetadata,
    /// SHA-256 chained over this entry and the previous one.
    pub hash: Hash,
}

impl LogEntry {
    /// The event, upcast to its current shape; `None` when it is known only to a newer program.
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

/// One row of the log.
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
    /// Its position in the log.
    pub position: Position,
    /// Its hash in the chain, in hexadecimal.
    #[serde(with = "hex")]
    pub hash: Hash,
    /// `Image` or `Account`.
    pub aggregate_type: String,
    /// The stream.
    pub aggregate_id: String,
    /// Its number in the stream, from 1.
    pub sequence: i64,
    /// The stored name.
    pub event_type: String,
    /// The stored version.
    pub event_version: String,
    /// The payload: the exact text that the hash covers.
    pub payload: String,
    /// Who, when and why: the exact text that the hash covers.
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

    /// The event without its position, in the form that cqrs-es uses.
    ///
    /// # Errors
    /// When a text is not JSON.
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
