//! Events to append to a stream, and the conditions under which they are accepted.

use cqrs_es::DomainEvent;
use cqrs_es::persist::SerializedEvent;
use photolog_domain::{EventMetadata, KeyVerifiers};
use uuid::Uuid;

use crate::constraints::{self, Change, StoredAggregate};
use crate::error::StoreError;
use crate::idempotency::{Idempotency, NewIdempotencyKey};
use crate::stored_event::StoredEvent;

/// Conditions across streams, checked in the append's own transaction.
#[derive(Clone, Debug, Default)]
pub struct Conditions {
    /// Maximum number of enabled images, unless the account has its own limit. `None` = no limit.
    pub image_limit: Option<u32>,
    /// Accept this append only once.
    pub idempotency: Option<Idempotency>,
    /// The verifiers of the key that this append issues; stored, wrapped, in the same transaction.
    pub verifiers: Option<KeyVerifiers>,
}

/// The outcome of an append.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    /// The stream's sequence after the append.
    pub sequence: u64,
    /// The stream.
    pub stream: Uuid,
}

/// Events to append to a stream, with everything that is checked in the same transaction.
#[derive(Debug)]
pub(crate) struct Append {
    pub(crate) stream: String,
    pub(crate) events: Vec<StoredEvent>,
    pub(crate) changes: Vec<Change>,
    pub(crate) image_limit: Option<u32>,
    pub(crate) idempotency: Option<NewIdempotencyKey>,
}

impl Append {
    /// Events as cqrs-es passes them: already numbered, without conditions. `None` when there are
    /// none.
    pub(crate) fn unconditional(events: &[SerializedEvent]) -> Result<Option<Self>, StoreError> {
        let Some(first) = events.first() else {
            return Ok(None);
        };
        let rows: Vec<_> = events.iter().map(StoredEvent::from).collect();
        for row in &rows {
            row.metadata()?;
        }
        Ok(Some(Self {
            stream: first.aggregate_id.clone(),
            events: rows,
            changes: constraints::changes(events)?,
            image_limit: None,
            idempotency: None,
        }))
    }

    pub(crate) fn new<A: StoredAggregate>(
        stream: Uuid,
        expected_sequence: u64,
        events: &[(A::Event, EventMetadata)],
        conditions: &Conditions,
    ) -> Result<Self, StoreError> {
        let id = stream.to_string();
        let not_json = |error: serde_json::Error| StoreError::Corrupt(error.to_string());
        let expected_sequence = i64::try_from(expected_sequence)
            .map_err(|_| StoreError::Corrupt("a sequence beyond 2^63".to_owned()))?;
        let rows = (expected_sequence + 1..)
            .zip(events)
            .map(|(sequence, (event, metadata))| {
                Ok(StoredEvent {
                    aggregate_type: A::TYPE.to_owned(),
                    aggregate_id: id.clone(),
                    sequence,
                    event_type: event.event_type(),
                    event_version: event.event_version(),
                    payload: serde_json::to_string(event).map_err(not_json)?,
                    metadata: serde_json::to_string(metadata).map_err(not_json)?,
                })
            })
            .collect::<Result<Vec<_>, StoreError>>()?;
        let idempotency = conditions.idempotency.clone();
        Ok(Self {
            stream: id,
            changes: events
                .iter()
                .filter_map(|(event, _)| A::change(stream, event))
                .map(|change| change.with_verifiers(conditions.verifiers.as_ref()))
                .collect(),
            image_limit: conditions.image_limit,
            idempotency: idempotency.map(|idempotency| NewIdempotencyKey {
                idempotency,
                sequence: expected_sequence + events.len() as i64,
            }),
            events: rows,
        })
    }
}
