//! Why a command was refused.

use crate::ids::KeyId;
use crate::invalid_value::InvalidValue;
use crate::metadata::MetadataKey;

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
    /// It has events that this program does not know.
    #[error("this image was written by a newer version of Photolog: upgrade this server to use it")]
    WrittenByNewerVersion,
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
    /// What is asked for is not done to a suspended account.
    #[error("the account is suspended: resume it")]
    Suspended,
    /// What is asked for is not done to a closed account.
    #[error("the account is closed: reopen it first")]
    Closed,
    /// It has events that this program does not know.
    #[error(
        "this account was written by a newer version of Photolog: upgrade this server to use it"
    )]
    WrittenByNewerVersion,
    /// A value that no account takes.
    #[error(transparent)]
    Invalid(#[from] InvalidValue),
}
