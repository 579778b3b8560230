//! The rules of Photolog: no I/O, no clock, no randomness, no HTTP.
//!
//! Time, ids and digests come with a command, so every rule here is a pure function that a test can
//! call without any set-up.
//!
//! | file | what it holds |
//! | --- | --- |
//! | [`image`] | the `Image` aggregate: state, `decide`, `apply` |
//! | [`account`] | the `Account` aggregate: who may write, with which keys |
//! | [`key`] | access keys: scopes, verifiers and their hashes |
//! | [`name`] | names of accounts and keys, and reasons for suspending an account |
//! | [`command`] | what a caller wants done: [`ImageCommand`], [`AccountCommand`] |
//! | [`event`] | what happened: [`ImageEvent`], [`AccountEvent`], their stored names and versions |
//! | [`event_metadata`] | who, when and why: stored with every event |
//! | [`upcast`] | converts stored events of older versions to the current ones |
//! | [`word`] | words of the log, including those that only a newer version knows |
//! | [`content`] | an image's content: digest, media type, size |
//! | [`metadata`] | the customer's keys and values, their alphabet and limits |
//! | [`ids`], [`timestamp`] | identifiers and time, parsed once |
//! | [`error`], [`invalid_value`] | why a command or a value was refused |
//! | `fixtures` | the smallest valid events, for tests only |
//! | `checked_text` | what all validated text types have in common |
//!
//! Start with `Image::decide` in [`image`].

#![forbid(unsafe_code)]

pub mod account;
pub(crate) mod checked_text;
pub mod command;
pub mod content;
pub mod error;
pub mod event;
pub mod event_metadata;
#[cfg(any(test, feature = "fixtures"))]
pub mod fixtures;
pub mod ids;
pub mod image;
pub mod invalid_value;
pub mod key;
pub mod metadata;
pub mod name;
pub mod timestamp;
pub mod upcast;
pub mod word;

pub use account::{Account, AccountState, AccountStatus, IssuedKey, KeyState};
pub use command::{AccountCommand, AltTextChange, Dated, ImageCommand};
pub use content::{Content, ContentHash, Master, MediaType};
pub use error::{AccountError, ImageError};
pub use event::{AccountEvent, ForwardCompatible, ImageEvent};
pub use event_metadata::{DialectName, EventMetadata};
pub use ids::{AccountId, ImageId, KeyId, PublicId};
pub use image::{Image, ImageState};
pub use invalid_value::InvalidValue;
pub use key::{Key, KeyVerifiers, Scope, VerifierHashes};
pub use metadata::{AltText, Metadata, MetadataKey, MetadataValue};
pub use name::{Name, Reason};
pub use timestamp::Timestamp;
pub use word::Word;
