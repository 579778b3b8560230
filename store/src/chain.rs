//! The hash chain over the log: a changed, removed or reordered event breaks every hash after it.
//!
//! Any third party with the two tables can verify it. The hash of an entry is
//!
//! ```text
//! SHA-256( previous hash                 32 bytes; zeros before the first entry
//!        | field(aggregate type) | field(aggregate id) | field(sequence, decimal)
//!        | field(event type)     | field(event version)
//!        | field(payload)        | field(metadata) )
//! field(text) = length of the text in bytes, 8 bytes big-endian, then the text in UTF-8
//! ```
//!
//! with payload and metadata exactly as the `events` table stores them. The length before each
//! field ensures that two different events never feed the same bytes to the hash.

use crate::stored_event::StoredEvent;
use sha2::{Digest as _, Sha256};

/// A position in the log. The first entry has position 1; 0 is before everything.
pub type Position = i64;

/// A link of the chain.
pub type Hash = [u8; 32];

/// The hash before the first entry.
pub const GENESIS: Hash = [0; 32];

/// The hash of `event`, following an entry with the hash `previous`.
pub(crate) fn link(previous: &Hash, event: &StoredEvent) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update(previous);
    for field in [
        &event.aggregate_type,
        &event.aggregate_id,
        &event.sequence.to_string(),
        &event.event_type,
        &event.event_version,
        &event.payload,
        &event.metadata,
    ] {
        hasher.update((field.len() as u64).to_be_bytes());
        hasher.update(field.as_bytes());
    }
    hasher.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event() -> StoredEvent {
        StoredEvent {
            aggregate_type: "Image".into(),
            aggregate_id: "0190f7c2-1111-7aaa-8bbb-123456789abc".into(),
            sequence: 2,
            event_type: "Disabled".into(),
            event_version: "1".into(),
            payload: r#"{"at":"2026-11-21T04:36:26.000Z","type":"Disabled"}"#.into(),
            metadata: "{}".into(),
        }
    }

    /// Computed independently, with Python's hashlib, from the description above.
    #[test]
    fn the_hash_is_the_documented_one() {
        assert_eq!(
            hex::encode(link(&GENESIS, &event())),
            "21550015d145478e175a0903ec2d20a631e6bde6ff3e9c190d0a5945660c9d38"
        );
    }

    #[test]
    fn every_field_and_the_border_between_two_fields_count() {
        let whole = link(&GENESIS, &event());
        let mut moved_border = event();
        moved_border.event_type.push('1');
        moved_border.event_version = String::new();
        assert_ne!(link(&GENESIS, &moved_border), whole);
        assert_ne!(link(&whole, &event()), whole);
    }
}
