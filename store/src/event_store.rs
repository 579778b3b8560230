//! Streams: load one, append to it.

use std::time::{SystemTime, UNIX_EPOCH};

use cqrs_es::persist::SerializedEvent;
use cqrs_es::{Aggregate, DomainEvent};
use photolog_domain::event::decode;
use photolog_domain::{
    AccountId, Digest, EventMetadata, Image, ImageEvent, ImageId, KeyVerifiers, Timestamp,
};
use uuid::Uuid;

use crate::compute::compute;
use crate::inline::{self, Change};
use crate::stored_event::StoredEvent;
use crate::{Backend, Store, StoreError};

/// An aggregate whose events this store keeps: `Image` and `Account`.
pub trait Recordable: Aggregate<Services = ()> + Clone + 'static {
    /// What an event of this stream changes in the inline tables.
    fn change(stream: Uuid, event: &Self::Event) -> Option<Change>;

    /// About how much memory the state takes.
    fn size_bytes(&self) -> usize;
}

/// An aggregate folded from its stream.
#[derive(Clone, Debug)]
pub struct Loaded<A> {
    /// The state; the default when the stream is empty.
    pub aggregate: A,
    /// Sequence of the last event folded; 0 when the stream is empty.
    pub sequence: u64,
}

impl<A: Default> Default for Loaded<A> {
    fn default() -> Self {
        Self {
            aggregate: A::default(),
            sequence: 0,
        }
    }
}

impl<A: Aggregate> Loaded<A> {
    /// Folds the events that follow.
    fn fold(mut self, events: Vec<SerializedEvent>) -> Result<Self, StoreError> {
        for event in events {
            if event.sequence as u64 != self.sequence + 1 {
                return Err(StoreError::Corrupt(format!(
                    "{} {}: sequence {} follows {}",
                    event.aggregate_type, event.aggregate_id, event.sequence, self.sequence
                )));
            }
            let fact = decode(&event.event_type, &event.event_version, event.payload)?;
            self.aggregate.apply(fact);
            self.sequence += 1;
        }
        Ok(self)
    }
}

/// One event of a stream with its envelope.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded<E> {
    /// Its place in the stream, from 1.
    pub sequence: u64,
    /// Its place in the log; `None` while a Postgres sealer has not come to it yet.
    pub position: Option<crate::Position>,
    /// The fact.
    pub event: E,
    /// Who, when and why.
    pub metadata: EventMetadata,
}

/// What must hold across streams for an append to be taken, judged in its own transaction.
#[derive(Clone, Debug, Default)]
pub struct Conditions {
    /// Most enabled images of the account, where the account sets no limit itself. `None` = no limit.
    pub image_limit: Option<u32>,
    /// Take this append only once.
    pub idempotency: Option<Idempotency>,
    /// The verifiers of the key that this append issues: kept, wrapped, in the same transaction.
    pub verifiers: Option<KeyVerifiers>,
}

/// An idempotency key and what it stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idempotency {
    /// The tenant whose key space it is.
    pub account: AccountId,
    /// The client's key.
    pub key: String,
    /// Digest over the request, so that the same key on another request is noticed.
    pub fingerprint: Digest,
}

/// What an idempotency key led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyRecord {
    /// Digest over the request that used it.
    pub fingerprint: Digest,
    /// The image it made.
    pub image: ImageId,
    /// The stream's sequence after it.
    pub sequence: u64,
}

/// The outcome of an append.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    /// The stream's sequence now.
    pub sequence: u64,
    /// The stream.
    pub stream: Uuid,
}

/// Events on their way into a stream, with all that is judged in the same transaction.
#[derive(Debug)]
pub(crate) struct Append {
    pub(crate) stream: String,
    pub(crate) events: Vec<StoredEvent>,
    pub(crate) changes: Vec<Change>,
    pub(crate) image_limit: Option<u32>,
    pub(crate) idempotency: Option<NewIdempotencyKey>,
}

/// An idempotency key used by an [`Append`], at the moment of its first event.
#[derive(Debug)]
pub(crate) struct NewIdempotencyKey {
    pub(crate) idempotency: Idempotency,
    pub(crate) sequence: i64,
    pub(crate) at: Timestamp,
}

/// Events of a long stream that are in memory at once while it is folded.
const FOLDED_AT_ONCE: i64 = 100;

/// How long an idempotency key is remembered.
pub(crate) const IDEMPOTENCY_KEY_LIFETIME_MS: i64 = 24 * 60 * 60 * 1_000;

/// Idempotency keys used before this moment (Unix milliseconds) are forgotten.
pub(crate) fn oldest_idempotency_key() -> i64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis() as i64);
    now - IDEMPOTENCY_KEY_LIFETIME_MS
}

impl Store {
    /// Folds a stream. Always current.
    ///
    /// # Errors
    /// When the database fails or holds an event this program cannot read.
    pub async fn load<A: Recordable>(&self, stream: Uuid) -> Result<Loaded<A>, StoreError> {
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
    pub fn remembered<A: Recordable>(&self, stream: Uuid) -> Option<Loaded<A>> {
        let loaded = self.folds.get::<A>(stream);
        (loaded.sequence > 0).then_some(loaded)
    }

    /// Remembers a stream after an append.
    pub fn remember<A: Recordable>(&self, stream: Uuid, loaded: &Loaded<A>) {
        self.folds.put(stream, loaded);
    }

    async fn events_after(
        &self,
        aggregate_type: &'static str,
        stream: &str,
        sequence: usize,
        limit: i64,
    ) -> Result<Vec<SerializedEvent>, StoreError> {
        match &self.backend {
            Backend::Sqlite(sqlite) => {
                sqlite
                    .events_after(aggregate_type, stream, sequence, limit)
                    .await
            }
            Backend::Postgres(postgres) => {
                postgres
                    .events_after(aggregate_type, stream, sequence, limit)
                    .await
            }
        }
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
                event: row.event()?,
                metadata: row.metadata()?,
            })
        };
        match &self.backend {
            Backend::Sqlite(sqlite) => {
                sqlite
                    .stream_rows(Image::TYPE, &stream, after, limit, recorded)
                    .await
            }
            Backend::Postgres(postgres) => {
                postgres
                    .stream_rows(Image::TYPE, &stream, after, limit, recorded)
                    .await
            }
        }
    }

    /// Appends events after `expected_sequence`, all or none, with one envelope each.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the stream has moved on, and whatever `conditions` forbid.
    pub async fn append<A: Recordable>(
        &self,
        stream: Uuid,
        expected_sequence: u64,
        events: Vec<(A::Event, EventMetadata)>,
        conditions: &Conditions,
    ) -> Result<Appended, StoreError> {
        let sequence = expected_sequence + events.len() as u64;
        if !events.is_empty() {
            let append = Append::new::<A>(stream, expected_sequence, &events, conditions)?;
            self.append_to_backend(append).await?;
        }
        Ok(Appended { sequence, stream })
    }

    pub(crate) async fn append_to_backend(&self, append: Append) -> Result<(), StoreError> {
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.append(append).await,
            Backend::Postgres(postgres) => postgres.append(append).await,
        }
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
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.idempotency_record(account, key).await,
            Backend::Postgres(postgres) => postgres.idempotency_record(account, key).await,
        }
    }
}

impl Append {
    /// Events as cqrs-es hands them over: already numbered, without conditions. `None` when
    /// there are none.
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
            changes: inline::changes(events)?,
            image_limit: None,
            idempotency: None,
        }))
    }

    fn new<A: Recordable>(
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
        let idempotency = conditions.idempotency.clone().zip(events.first());
        Ok(Self {
            stream: id,
            changes: events
                .iter()
                .filter_map(|(event, _)| A::change(stream, event))
                .map(|change| change.with_verifiers(conditions.verifiers.as_ref()))
                .collect(),
            image_limit: conditions.image_limit,
            idempotency: idempotency.map(|(idempotency, (_, metadata))| NewIdempotencyKey {
                idempotency,
                sequence: expected_sequence + events.len() as i64,
                at: metadata.occurred_at,
            }),
            events: rows,
        })
    }
}
