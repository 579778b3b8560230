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
    /// The time of that event: later events must not be earlier, whatever a node's clock shows.
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
    /// Folds the next events, including those known only to a newer program.
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
    /// Its number in the stream, from 1.
    pub sequence: u64,
    /// Its position in the log; `None` until a Postgres sequencer has assigned one.
    pub position: Option<Position>,
    /// The event.
    pub event: Fact<E>,
    /// Who, when and why.
    pub metadata: EventMetadata,
}
