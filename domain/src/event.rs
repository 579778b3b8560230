//! What happened, in the past tense. These are stored for ever: a field may be
//! added with a default, anything else is a new version with a step in [`crate::upcast`].

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
    /// The image came in.
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
    /// Another picture took its place.
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
    /// The image was taken out of use.
    Disabled {
        /// When.
        at: Timestamp,
    },
}

impl ImageEvent {
    /// Every stored name, for filters and documents.
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
        /// What people call it.
        name: String,
        /// Most enabled images; `None` = the server's setting.
        image_limit: Option<u32>,
    },
    /// A key was given out.
    KeyIssued {
        /// When.
        at: Timestamp,
        /// Its public half.
        key_id: KeyId,
        /// Hashes of its verifiers, and scopes.
        key: Key,
    },
    /// A key was taken back.
    KeyRevoked {
        /// When.
        at: Timestamp,
        /// Its public half.
        key_id: KeyId,
    },
    /// The most enabled images changed.
    ImageLimitSet {
        /// When.
        at: Timestamp,
        /// `None` = the server's setting.
        image_limit: Option<u32>,
    },
    /// It is called something else from now on.
    AccountRenamed {
        /// When.
        at: Timestamp,
        /// The new name.
        name: Name,
    },
    /// Its keys are refused from now on.
    AccountSuspended {
        /// When.
        at: Timestamp,
        /// Why.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Reason>,
    },
    /// Its keys are taken again.
    AccountResumed {
        /// When.
        at: Timestamp,
    },
    /// Its keys and its public links are refused from now on.
    AccountClosed {
        /// When.
        at: Timestamp,
        /// Why.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Reason>,
    },
    /// Its keys and its public links are taken again.
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

/// The events of one kind of stream, by the names under which they are stored.
pub trait NamedEvent: DomainEvent {
    /// Every name that this program knows. An event under another name is not read.
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

/// An aggregate that an older program can fold although it does not know all of its events.
pub trait ForwardCompatible: Aggregate<Event: NamedEvent> {
    /// Passes over an event that only a newer program knows: it may have changed anything.
    fn apply_newer(&mut self);

    /// Folds an event as [`decode`] has read it.
    fn apply_read(&mut self, event: Option<Self::Event>) {
        match event {
            Some(event) => self.apply(event),
            None => self.apply_newer(),
        }
    }
}

/// A stored payload is not the event that its name promises.
#[derive(Debug, thiserror::Error)]
#[error("event {event_type} cannot be read")]
pub struct UnreadableEvent {
    /// The stored name.
    event_type: String,
    /// What the parser said.
    source: serde_json::Error,
}

/// Reads a stored event; `None` when its name or its version is one that only a newer program knows.
///
/// # Errors
/// When the payload is not that event.
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

/// As [`decode`], from the text of a payload; one of the present version is read without a detour.
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
