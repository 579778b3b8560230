//! Streams: load one, append to it.

use cqrs_es::Aggregate;
use cqrs_es::persist::SerializedEvent;
use photolog_domain::{AccountId, EventMetadata, Image, ImageEvent, ImageId};
use uuid::Uuid;

use super::{Store, on_backend};
use crate::append::{Append, Appended, Conditions};
use crate::backend::{Appends, EventTables, KeyTables};
use crate::compute::compute;
use crate::constraints::StoredAggregate;
use crate::error::StoreError;
use crate::idempotency::IdempotencyRecord;
use crate::stored_event::StoredEvent;
use crate::stream::{Loaded, Recorded};

/// Events of a long stream that are in memory at once while it is folded.
const FOLDED_AT_ONCE: i64 = 100;

impl Store {
    /// Folds a stream. Always current.
    ///
    /// # Errors
    /// When the database fails or holds an event this program cannot read.
    pub async fn load<A: StoredAggregate>(&self, stream: Uuid) -> Result<Loaded<A>, StoreError> {
        let mut loaded = self.folds.get::<A>(stream);
        let before = loaded.sequence;
        let id = stream.to_string();
        // One question for a known stream, another tenant's and none at all: how long the answer
        // takes tells nobody which it was.
        loop {
            let after = loaded.sequence as usize;
            let events = self
                .events_after(A::TYPE, &id, after, FOLDED_AT_ONCE)
                .await?;
            let count = events.len();
            loaded = compute(count, move || loaded.fold(events)).await?;
            if (count as i64) < FOLDED_AT_ONCE {
                break;
            }
        }
        if loaded.sequence > before {
            self.folds.put(stream, &loaded);
        }
        Ok(loaded)
    }

    /// A stream as this process knew it last, without asking; it may have moved on. For a decision
    /// that an append will confirm, which says what sequence it expects.
    pub fn remembered<A: StoredAggregate>(&self, stream: Uuid) -> Option<Loaded<A>> {
        let loaded = self.folds.get::<A>(stream);
        (loaded.sequence > 0).then_some(loaded)
    }

    /// Remembers a stream after an append.
    pub fn remember<A: StoredAggregate>(&self, stream: Uuid, loaded: &Loaded<A>) {
        self.folds.put(stream, loaded);
    }

    pub(super) async fn events_after(
        &self,
        aggregate_type: &'static str,
        stream: &str,
        sequence: usize,
        limit: i64,
    ) -> Result<Vec<SerializedEvent>, StoreError> {
        on_backend!(
            &self.backend,
            events_after(aggregate_type, stream, sequence, limit)
        )
    }

    /// At most `limit` events of an image's stream after a sequence, in order and with their
    /// envelopes.
    ///
    /// # Errors
    /// When the database fails or holds an event this program cannot read.
    pub async fn image_events(
        &self,
        image: ImageId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<Recorded<ImageEvent>>, StoreError> {
        let stream = image.to_string();
        let (after, limit) = (after as i64, i64::from(limit));
        let recorded = |row: StoredEvent, position| {
            Ok(Recorded {
                sequence: row.sequence(),
                position,
                metadata: row.metadata()?,
                event: row.fact()?,
            })
        };
        on_backend!(
            &self.backend,
            stream_rows(Image::TYPE, &stream, after, limit, recorded)
        )
    }

    /// Appends events after `expected_sequence`, all or none, with one envelope each.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the stream has moved on, and whatever `conditions` forbid.
    pub async fn append<A: StoredAggregate>(
        &self,
        stream: Uuid,
        expected_sequence: u64,
        events: Vec<(A::Event, EventMetadata)>,
        conditions: &Conditions,
    ) -> Result<Appended, StoreError> {
        let sequence = expected_sequence + events.len() as u64;
        if !events.is_empty() {
            let append = Append::new::<A>(stream, expected_sequence, &events, conditions)?;
            on_backend!(&self.backend, append(append))?;
        }
        Ok(Appended { sequence, stream })
    }

    /// What an idempotency key of this account led to, when it was used before.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn idempotency_record(
        &self,
        account: AccountId,
        key: &str,
    ) -> Result<Option<IdempotencyRecord>, StoreError> {
        on_backend!(&self.backend, idempotency_record(account, key))
    }
}
