//! What can go wrong in the store, in the words of its callers.

use photolog_domain::ImageId;
use photolog_domain::upcast::UpcastError;

use crate::event_store::IdempotencyRecord;

/// Why the database did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Somebody else appended to the stream first.
    #[error("the stream has moved on")]
    Conflict,
    /// Another enabled image of the account holds the same bytes.
    #[error("image {holder} holds the same bytes")]
    DuplicateContent {
        /// The image that holds them.
        holder: ImageId,
    },
    /// The account has as many enabled images as it may.
    #[error("the account's image limit is reached")]
    ImageLimitReached,
    /// The idempotency key was used before; here is what it led to.
    #[error("the idempotency key was used before")]
    IdempotencyKeyUsed(IdempotencyRecord),
    /// The database is down, overloaded, or timed out: try again later.
    #[error("the database is unavailable")]
    Unavailable(#[source] sqlx::Error),
    /// The database was migrated by a newer program.
    #[error("the database is newer than this program: {0}")]
    NewerDatabase(String),
    /// A stored event cannot be read by this program.
    #[error(transparent)]
    Event(#[from] UpcastError),
    /// A stored row is not what it should be.
    #[error("stored data cannot be read: {0}")]
    Corrupt(String),
    /// Anything else the database said.
    #[error("the database refused")]
    Database(#[source] sqlx::Error),
}

/// Why the blob store did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// The disk or bucket failed, or is full.
    #[error("blob storage failed")]
    Io(#[from] std::io::Error),
    /// The stored bytes do not have the digest they are named by.
    #[error("blob {0} is damaged")]
    Damaged(photolog_domain::Digest),
}
