//! Idempotency keys: a repeated request gets the result of the first one.

use photolog_domain::{AccountId, ContentHash, ImageId};

/// How long an idempotency key is kept, by the database's clock.
pub(crate) const IDEMPOTENCY_KEY_LIFETIME_MS: i64 = 24 * 60 * 60 * 1_000;

/// An idempotency key and the request that it identifies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idempotency {
    /// The tenant whose key space it is in.
    pub account: AccountId,
    /// The client's key.
    pub key: String,
    /// Digest of the request, so that reuse of the key for another request is detected.
    pub fingerprint: ContentHash,
}

/// The result of a request with an idempotency key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyRecord {
    /// Digest of the request that used it.
    pub fingerprint: ContentHash,
    /// The image that the request created.
    pub image: ImageId,
    /// The stream's sequence after the request.
    pub sequence: u64,
}

/// An idempotency key used by an append.
#[derive(Debug)]
pub(crate) struct NewIdempotencyKey {
    pub(crate) idempotency: Idempotency,
    pub(crate) sequence: i64,
}
