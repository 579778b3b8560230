//! Why a value or a command was refused.

use crate::ids::KeyId;
use crate::metadata::MetadataKey;

/// A text that is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} {problem}")]
pub struct InvalidValue {
    /// What was to be parsed, for example "metadata key".
    pub what: &'static str,
    /// What is wrong with it, in words for the client.
    pub problem: &'static str,
}

impl InvalidValue {
    pub(crate) fn new(what: &'static str, problem: &'static str) -> Self {
        Self { what, problem }
    }
}

/// Why an image refused a command.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImageError {
    /// No such image.
    #[error("image not found")]
    NotFound,
    /// An upload to a stream that already holds an image.
    #[error("image exists already")]
    AlreadyExists,
    /// A disabled image takes no more writes.
    #[error("image is disabled")]
    Disabled,
    /// The key to be deleted is not there.
    #[error("metadata key {0} not found")]
    KeyNotFound(MetadataKey),
    /// The image would carry too many keys.
    #[error("an image may carry at most {limit} metadata keys here")]
    TooManyKeys {
        /// How many it may.
        limit: usize,
    },
    /// A value under a reserved key breaks that key's own rule.
    #[error(transparent)]
    Invalid(#[from] InvalidValue),
}

/// Why an account refused a command.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccountError {
    /// No such account.
    #[error("account not found")]
    NotFound,
    /// The account was opened before.
    #[error("account exists already")]
    AlreadyExists,
    /// The account has no such key.
    #[error("key {0} not found")]
    KeyNotFound(KeyId),
    /// The account has this key already.
    #[error("key {0} exists already")]
    KeyExists(KeyId),
}
