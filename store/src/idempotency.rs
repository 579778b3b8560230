//! Idempotency keys: a request that is sent again leads to what it led to before.

use photolog_domain::{AccountId, ContentHash, ImageId};

/// How long an idempotency key is remembered, by the database's clock.
pub(crate) const IDEMPOTENCY_KEY_LIFETIME_MS: i64 = 24 * 60 * 60 * 1_000;

/// An idempotency key and what it stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idempotency {
    /// The tenant whose key space it is.
    pub account: AccountId,
    /// The client's key.
    pub key: String,
    /// Digest over the request, so that the same key on another request is noticed.
    pub fingerprint: ContentHash,
}

/// What an idempotency key led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyRecord {
    /// Digest over the request that used it.
    pub fingerprint: ContentHash,
    /// The image it made.
    pub image: ImageId,
    /// The stream's sequence after it.
    pub sequence: u64,
}

/// An idempotency key used by an append.
#[derive(Debug)]
pub(crate) struct NewIdempotencyKey {
    pub(crate) idempotency: Idempotency,
    pub(crate) sequence: i64,
}
