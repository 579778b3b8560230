//! Loading streams and appending to them.

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

/// How many events of a long stream are in memory at once while it is folded.
const FOLDED_AT_ONCE: i64 = 100;

impl Store {
    /// Loads and folds a stream. Always current.
    ///
    /// # Errors
    /// When the database fails or contains an event that this program cannot read.
    pub async fn load<A: StoredAggregate>(&self, stream: Uuid) -> Result<Loaded<A>, StoreError> {
        let mut loaded = self.folds.get::<A>(stream);
        let before = loaded.sequence;
        let id = stream.to_string();
        // One query whether the stream is cached, belongs to another tenant or does not exist: the
        // response time does not reveal which.
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

    /// The cached state of a stream, without a query; it may be stale. For a decision that an append
    /// confirms by its expected sequence.
    pub fn remembered<A: StoredAggregate>(&self, stream: Uuid) -> Option<Loaded<A>> {
        let loaded = self.folds.get::<A>(stream);
        (loaded.sequence > 0).then_some(loaded)
    }

    /// Caches a stream after an append.
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
    /// When the database fails or contains an event that this program cannot read.
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
    /// [`StoreError::Conflict`] when the stream has moved on, and an error for each failed condition.
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

    /// The result of an idempotency key of this account, if it was used before.
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
