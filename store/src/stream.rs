//! A stream as it is loaded: the fold of its events, or the events with their envelopes.

use cqrs_es::persist::SerializedEvent;
use photolog_domain::event::decode;
use photolog_domain::{EventMetadata, ForwardCompatible, Timestamp};

use crate::chain::Position;
use crate::error::StoreError;
use crate::fact::Fact;

/// An aggregate folded from its stream.
#[derive(Clone, Debug)]
pub struct Loaded<A> {
    /// The state; the default when the stream is empty.
    pub aggregate: A,
    /// Sequence of the last event folded; 0 when the stream is empty.
    pub sequence: u64,
    /// When that happened: no later event may be told to be earlier, whatever a node's clock says.
    pub last_at: Option<Timestamp>,
}

impl<A: Default> Default for Loaded<A> {
    fn default() -> Self {
        Self {
            aggregate: A::default(),
            sequence: 0,
            last_at: None,
        }
    }
}

impl<A: ForwardCompatible> Loaded<A> {
    /// Folds the events that follow, also past those that only a newer program knows.
    pub(crate) fn fold(mut self, events: Vec<SerializedEvent>) -> Result<Self, StoreError> {
        for event in events {
            if event.sequence as u64 != self.sequence + 1 {
                return Err(StoreError::Corrupt(format!(
                    "{} {}: sequence {} follows {}",
                    event.aggregate_type, event.aggregate_id, event.sequence, self.sequence
                )));
            }
            let event_read = decode(&event.event_type, &event.event_version, event.payload)?;
            self.aggregate.apply_read(event_read);
            self.sequence += 1;
            let at = event.metadata.get("occurred_at");
            self.last_at = at.and_then(|at| at.as_str()?.parse().ok()).or(self.last_at);
        }
        Ok(self)
    }
}

/// One event of a stream with its envelope.
#[derive(Clone, Debug)]
pub struct Recorded<E> {
    /// Its place in the stream, from 1.
    pub sequence: u64,
    /// Its place in the log; `None` while a Postgres sequencer has not come to it yet.
    pub position: Option<Position>,
    /// The fact.
    pub event: Fact<E>,
    /// Who, when and why.
    pub metadata: EventMetadata,
}
