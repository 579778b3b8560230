//! The blobs that an event names. They must exist as long as the event, which is forever.

use std::collections::BTreeSet;

use cqrs_es::Aggregate;
use photolog_domain::event::decode_text;
use photolog_domain::{Account, AccountEvent, ContentHash, Image, ImageEvent};
use photolog_store::{ArchivedEvent, Position, StoreError};

/// The original and the master, if the event has them.
pub(crate) fn of_event(event: &ImageEvent) -> Option<[ContentHash; 2]> {
    match event {
        ImageEvent::Uploaded {
            content, master, ..
        }
        | ImageEvent::Replaced {
            content, master, ..
        } => Some([content.digest, master.digest]),
        ImageEvent::MetadataSet { .. }
        | ImageEvent::MetadataKeyDeleted { .. }
        | ImageEvent::Disabled { .. } => None,
    }
}

/// The blobs that stored events name.
#[derive(Debug, Default)]
pub(crate) struct NamedBlobs {
    /// Named by events known to this program.
    pub(crate) digests: BTreeSet<ContentHash>,
    /// The position of the first event known only to a newer program. It may name any blob.
    pub(crate) first_newer: Option<Position>,
}

impl NamedBlobs {
    /// Adds the blobs of the next event.
    pub(crate) fn take(&mut self, event: &ArchivedEvent) -> Result<(), StoreError> {
        let (name, version, payload) = (&event.event_type, &event.event_version, &event.payload);
        let is_known = match event.aggregate_type.as_str() {
            Image::TYPE => {
                let known: Option<ImageEvent> = decode_text(name, version, payload)?;
                let named = known.as_ref().and_then(of_event);
                self.digests.extend(named.into_iter().flatten());
                known.is_some()
            }
            Account::TYPE => decode_text::<AccountEvent>(name, version, payload)?.is_some(),
            _ => false,
        };
        if !is_known {
            self.first_newer.get_or_insert(event.position);
        }
        Ok(())
    }
}
