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
    #[error("image already exists")]
    AlreadyExists,
    /// A disabled image accepts no more writes.
    #[error("image is disabled")]
    Disabled,
    /// The key to be deleted does not exist.
    #[error("metadata key {0} not found")]
    KeyNotFound(MetadataKey),
    /// The image would have too many keys.
    #[error("an image may carry at most {limit} metadata keys here")]
    TooManyKeys {
        /// The maximum number of keys.
        limit: usize,
    },
    /// It has events that this version does not know.
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
    /// The account already exists.
    #[error("the account already exists")]
    AlreadyExists,
    /// The account has no such key.
    #[error("key {0} not found")]
    KeyNotFound(KeyId),
    /// The account already has this key.
    #[error("key {0} already exists")]
    KeyExists(KeyId),
    /// The command is not allowed on a suspended account.
    #[error("the account is suspended: resume it")]
    Suspended,
    /// The command is not allowed on a closed account.
    #[error("the account is closed: reopen it first")]
    Closed,
    /// It has events that this version does not know.
    #[error(
        "this account was written by a newer version of Photolog: upgrade this server to use it"
    )]
    WrittenByNewerVersion,
    /// A value that no account accepts.
    #[error(transparent)]
    Invalid(#[from] InvalidValue),
}
