//! Streams: load one, append to it.

use cqrs_es::Aggregate;
use photolog_domain::{AccountId, Digest, EventMetadata, ImageId};
use uuid::Uuid;

use crate::{Store, StoreError};

/// An aggregate whose events this store keeps: `Image` and `Account`.
pub trait Recordable: Aggregate<Services = ()> + Clone + 'static {}
impl Recordable for photolog_domain::Image {}
impl Recordable for photolog_domain::Account {}

/// An aggregate folded from its stream.
#[derive(Clone, Debug)]
pub struct Loaded<A> {
    /// The state; the default when the stream is empty.
    pub aggregate: A,
    /// Sequence of the last event folded; 0 when the stream is empty.
    pub sequence: u64,
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

impl Store {
    /// Folds a stream. Always current.
    ///
    /// # Errors
    /// When the database fails or holds an event this program cannot read.
    pub async fn load<A: Recordable>(&self, _stream: Uuid) -> Result<Loaded<A>, StoreError> {
        unimplemented!()
    }

    /// All events of an image's stream in order, with their envelopes.
    ///
    /// # Errors
    /// When the database fails or holds an event this program cannot read.
    pub async fn image_events(
        &self,
        _image: ImageId,
    ) -> Result<Vec<Recorded<photolog_domain::ImageEvent>>, StoreError> {
        unimplemented!()
    }

    /// Appends events after `expected_sequence`, all or none, with one envelope each.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the stream has moved on, and whatever `conditions` forbid.
    pub async fn append<A: Recordable>(
        &self,
        _stream: Uuid,
        _expected_sequence: u64,
        _events: Vec<(A::Event, EventMetadata)>,
        _conditions: &Conditions,
    ) -> Result<Appended, StoreError> {
        unimplemented!()
    }

    /// What an idempotency key of this account led to, when it was used before.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn idempotency_record(
        &self,
        _account: AccountId,
        _key: &str,
    ) -> Result<Option<IdempotencyRecord>, StoreError> {
        unimplemented!()
    }
}
