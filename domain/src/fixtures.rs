//! The smallest valid events, for the tests of this crate and, with the feature `fixtures`, of
//! others.
//!
//! Unlike the rules, they generate their own identifiers, so that no two tests share an image.

use std::str::FromStr;

use uuid::Uuid;

use crate::content::{Content, ContentHash, Master, MediaType};
use crate::event::ImageEvent;
use crate::event_metadata::{DialectName, EventMetadata};
use crate::ids::{AccountId, ImageId};
use crate::invalid_value::InvalidValue;
use crate::timestamp::Timestamp;

/// The time of every event: 2026-11-21T04:36:26Z.
pub fn at() -> Timestamp {
    parsed("2026-11-21T04:36:26.000Z")
}

/// An account that no other test uses.
pub fn account() -> AccountId {
    AccountId::new(Uuid::now_v7())
}

/// An image that no other test uses.
pub fn image() -> ImageId {
    ImageId::new(Uuid::now_v7())
}

/// A digest whose bytes all have this value.
pub fn digest(byte: u8) -> ContentHash {
    ContentHash::new([byte; 32])
}

/// A PNG of one pixel with this digest.
pub fn content(digest: ContentHash) -> Content {
    Content {
        digest,
        media_type: MediaType::Png.into(),
        size_bytes: 68,
        width: 1,
        height: 1,
        has_alpha: false,
    }
}

/// The master of a picture of one pixel.
pub fn master(digest: ContentHash) -> Master {
    Master {
        digest,
        media_type: MediaType::Png.into(),
        width: 1,
        height: 1,
    }
}

/// An upload whose bytes are their own master, under a new public link.
pub fn uploaded(account: AccountId, content: Content) -> ImageEvent {
    let random = Uuid::now_v7().simple().to_string();
    ImageEvent::Uploaded {
        at: at(),
        account,
        public_id: parsed(&random[11..]),
        master: master(content.digest),
        content,
    }
}

/// A replacement whose bytes are their own master.
pub fn replaced(content: Content) -> ImageEvent {
    ImageEvent::Replaced {
        at: at(),
        master: master(content.digest),
        content,
    }
}

/// One metadata key was set.
pub fn set(key: &str, value: &str) -> ImageEvent {
    ImageEvent::MetadataSet {
        at: at(),
        entries: [(parsed(key), parsed(value))].into(),
    }
}

/// The image was disabled.
pub fn disabled() -> ImageEvent {
    ImageEvent::Disabled { at: at() }
}

/// The metadata of an event that a key caused through the Moov dialect.
pub fn event_metadata() -> EventMetadata {
    EventMetadata {
        event_id: Uuid::now_v7(),
        occurred_at: at(),
        actor: "plk_abcdefghijklmnop".into(),
        dialect: DialectName::MOOV,
        request_id: "request-1".into(),
        correlation_id: "request-1".into(),
        causation_id: Uuid::now_v7(),
        reason: None,
    }
}

fn parsed<T: FromStr<Err = InvalidValue>>(text: &str) -> T {
    text.parse().expect("a valid fixture")
}
