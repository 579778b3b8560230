//! An event as a row of the `events` table, in its stored text form.

use crate::error::StoreError;
use crate::fact::Fact;
use cqrs_es::persist::SerializedEvent;
use photolog_domain::EventMetadata;
use photolog_domain::event::{NamedEvent, decode_text};
use serde::de::DeserializeOwned;

/// One row of `events`. Payload and metadata are the exact texts that the hash chain covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredEvent {
    pub(crate) aggregate_type: String,
    pub(crate) aggregate_id: String,
    pub(crate) sequence: i64,
    pub(crate) event_type: String,
    pub(crate) event_version: String,
    pub(crate) payload: String,
    pub(crate) metadata: String,
}

impl StoredEvent {
    /// The event, upcast to its current shape, or as it is stored.
    pub(crate) fn fact<E: NamedEvent>(self) -> Result<Fact<E>, StoreError> {
        let known = decode_text(&self.event_type, &self.event_version, &self.payload)?;
        Ok(match known {
            Some(event) => Fact::Known(event),
            None => Fact::Newer {
                payload: self.json("payload", &self.payload)?,
                event_type: self.event_type,
            },
        })
    }

    /// Who, when and why.
    pub(crate) fn metadata(&self) -> Result<EventMetadata, StoreError> {
        self.json("metadata", &self.metadata)
    }

    /// Its number in the stream, in the domain's type.
    pub(crate) fn sequence(&self) -> u64 {
        self.sequence.unsigned_abs()
    }

    /// In the form that cqrs-es uses.
    pub(crate) fn serialized(&self) -> Result<SerializedEvent, StoreError> {
        Ok(SerializedEvent::new(
            self.aggregate_id.clone(),
            usize::try_from(self.sequence)
                .map_err(|_| StoreError::Corrupt("a sequence below 0".to_owned()))?,
            self.aggregate_type.clone(),
            self.event_type.clone(),
            self.event_version.clone(),
            self.json("payload", &self.payload)?,
            self.json("metadata", &self.metadata)?,
        ))
    }

    fn json<T: DeserializeOwned>(&self, what: &str, text: &str) -> Result<T, StoreError> {
        serde_json::from_str(text).map_err(|error| {
            let Self {
                aggregate_type,
                aggregate_id,
                sequence,
                ..
            } = self;
            StoreError::Corrupt(format!(
                "{what} of {aggregate_type} {aggregate_id} sequence {sequence}: {error}"
            ))
        })
    }
}

impl From<&SerializedEvent> for StoredEvent {
    fn from(event: &SerializedEvent) -> Self {
        Self {
            aggregate_type: event.aggregate_type.clone(),
            aggregate_id: event.aggregate_id.clone(),
            sequence: event.sequence as i64,
            event_type: event.event_type.clone(),
            event_version: event.event_version.clone(),
            payload: event.payload.to_string(),
            metadata: event.metadata.to_string(),
        }
    }
}
