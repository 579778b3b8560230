//! What happened, in the past tense. Events are stored forever: a field may be added with a
//! default, and any other change is a new version with a step in [`crate::upcast`].

use cqrs_es::{Aggregate, DomainEvent};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::content::{Content, Master};
use crate::ids::{AccountId, KeyId, PublicId};
use crate::key::Key;
use crate::metadata::{Metadata, MetadataKey};
use crate::name::{Name, Reason};
use crate::timestamp::Timestamp;
use crate::upcast;

/// A fact about one image. `at` repeats the envelope's time, so that a fold needs no envelope.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum ImageEvent {
    /// The image was uploaded.
    Uploaded {
        /// When.
        at: Timestamp,
        /// The tenant it belongs to.
        account: AccountId,
        /// The name in its public link.
        public_id: PublicId,
        /// The uploaded bytes.
        content: Content,
        /// The picture made from them.
        master: Master,
    },
    /// The picture was replaced.
    Replaced {
        /// When.
        at: Timestamp,
        /// The uploaded bytes.
        content: Content,
        /// The picture made from them.
        master: Master,
    },
    /// Entries were added or overwritten.
    MetadataSet {
        /// When.
        at: Timestamp,
        /// Only entries that are new or differ.
        entries: Metadata,
    },
    /// One key was removed.
    MetadataKeyDeleted {
        /// When.
        at: Timestamp,
        /// The key.
        key: MetadataKey,
    },
    /// The image was disabled.
    Disabled {
        /// When.
        at: Timestamp,
    },
}

impl ImageEvent {
    /// Every stored name, for filters and documentation.
    pub const TYPES: [&'static str; 5] = [
        "Uploaded",
        "Replaced",
        "MetadataSet",
        "MetadataKeyDeleted",
        "Disabled",
    ];

    /// When it happened.
    pub fn at(&self) -> Timestamp {
        match self {
            Self::Uploaded { at, .. }
            | Self::Replaced { at, .. }
            | Self::MetadataSet { at, .. }
            | Self::MetadataKeyDeleted { at, .. }
            | Self::Disabled { at } => *at,
        }
    }

    /// The stored name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Uploaded { .. } => "Uploaded",
            Self::Replaced { .. } => "Replaced",
            Self::MetadataSet { .. } => "MetadataSet",
            Self::MetadataKeyDeleted { .. } => "MetadataKeyDeleted",
            Self::Disabled { .. } => "Disabled",
        }
    }
}

impl DomainEvent for ImageEvent {
    fn event_type(&self) -> String {
        self.name().to_owned()
    }

    fn event_version(&self) -> String {
        upcast::current_version(&self.event_type()).to_string()
    }
}

/// A fact about one account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum AccountEvent {
    /// The account was opened.
    AccountOpened {
        /// When.
        at: Timestamp,
        /// Its name.
        name: String,
        /// The maximum number of enabled images; `None` = the server's setting.
        image_limit: Option<u32>,
    },
    /// A key was issued.
    KeyIssued {
        /// When.
        at: Timestamp,
        /// Its public half.
        key_id: KeyId,
        /// Its scopes, and the hashes of its verifiers.
        key: Key,
    },
    /// A key was revoked.
    KeyRevoked {
        /// When.
        at: Timestamp,
        /// Its public half.
        key_id: KeyId,
    },
    /// The maximum number of enabled images changed.
    ImageLimitSet {
        /// When.
        at: Timestamp,
        /// `None` = the server's setting.
        image_limit: Option<u32>,
    },
    /// The account was renamed.
    AccountRenamed {
        /// When.
        at: Timestamp,
        /// The new name.
        name: Name,
    },
    /// The account was suspended: its keys are refused from now on.
    AccountSuspended {
        /// When.
        at: Timestamp,
        /// Why.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Reason>,
    },
    /// The account was resumed: its keys are accepted again.
    AccountResumed {
        /// When.
        at: Timestamp,
    },
    /// The account was closed: its keys and its public links are refused from now on.
    AccountClosed {
        /// When.
        at: Timestamp,
        /// Why.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Reason>,
    },
    /// The account was reopened: its keys and its public links are accepted again.
    AccountReopened {
        /// When.
        at: Timestamp,
    },
}

impl AccountEvent {
    /// The stored name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::AccountOpened { .. } => "AccountOpened",
            Self::KeyIssued { .. } => "KeyIssued",
            Self::KeyRevoked { .. } => "KeyRevoked",
            Self::ImageLimitSet { .. } => "ImageLimitSet",
            Self::AccountRenamed { .. } => "AccountRenamed",
            Self::AccountSuspended { .. } => "AccountSuspended",
            Self::AccountResumed { .. } => "AccountResumed",
            Self::AccountClosed { .. } => "AccountClosed",
            Self::AccountReopened { .. } => "AccountReopened",
        }
    }
}

impl DomainEvent for AccountEvent {
    fn event_type(&self) -> String {
        self.name().to_owned()
    }

    fn event_version(&self) -> String {
        upcast::current_version(&self.event_type()).to_string()
    }
}

/// The events of one kind of stream, with the names under which they are stored.
pub trait NamedEvent: DomainEvent {
    /// Every name that this version knows. An event under another name is not read.
    const NAMES: &'static [&'static str];
}

impl NamedEvent for ImageEvent {
    const NAMES: &'static [&'static str] = &Self::TYPES;
}

impl NamedEvent for AccountEvent {
    const NAMES: &'static [&'static str] = &[
        "AccountOpened",
        "KeyIssued",
        "KeyRevoked",
        "ImageLimitSet",
        "AccountRenamed",
        "AccountSuspended",
        "AccountResumed",
        "AccountClosed",
        "AccountReopened",
    ];
}

/// An aggregate that an older version can fold although it does not know all of the events.
pub trait ForwardCompatible: Aggregate<Event: NamedEvent> {
    /// Applies an event that only a newer version knows, and which may have changed anything.
    fn apply_newer(&mut self);

    /// Folds an event as returned by [`decode`].
    fn apply_read(&mut self, event: Option<Self::Event>) {
        match event {
            Some(event) => self.apply(event),
            None => self.apply_newer(),
        }
    }
}

/// A stored payload is not the event that its name indicates.
#[derive(Debug, thiserror::Error)]
#[error("event {event_type} cannot be read")]
pub struct UnreadableEvent {
    /// The stored name.
    event_type: String,
    /// The parser's error.
    source: serde_json::Error,
}

/// Reads a stored event; `None` when only a newer release knows its name or its event version.
///
/// # Errors
/// When the payload is not such an event.
pub fn decode<E: NamedEvent>(
    event_type: &str,
    event_version: &str,
    payload: Value,
) -> Result<Option<E>, UnreadableEvent> {
    if !E::NAMES.contains(&event_type) {
        return Ok(None);
    }
    upcast::to_current(upcast::UPGRADES, event_type, event_version, payload)
        .map(serde_json::from_value)
        .transpose()
        .map_err(|source| unreadable(event_type, source))
}

/// As [`decode`], from the text of a payload; an event of the current version is parsed directly.
///
/// # Errors
/// As [`decode`].
pub fn decode_text<E: NamedEvent>(
    event_type: &str,
    event_version: &str,
    payload: &str,
) -> Result<Option<E>, UnreadableEvent> {
    let unreadable = |source| unreadable(event_type, source);
    let is_known = E::NAMES.contains(&event_type);
    if is_known && event_version.parse() == Ok(upcast::current_version(event_type)) {
        return serde_json::from_str(payload).map(Some).map_err(unreadable);
    }
    let payload = serde_json::from_str(payload).map_err(unreadable)?;
    decode(event_type, event_version, payload)
}

fn unreadable(event_type: &str, source: serde_json::Error) -> UnreadableEvent {
    UnreadableEvent {
        event_type: event_type.to_owned(),
        source,
    }
}
