//! Which blobs an event names: what must be there for as long as the event is, which is for ever.

use cqrs_es::Aggregate;
use photolog_domain::event::decode_text;
use photolog_domain::{ContentHash, Image, ImageEvent};
use photolog_store::{ArchivedEvent, StoreError};

/// The original and the master, where the event brings them.
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

/// The same of an event as it is stored.
pub(crate) fn of_archived(event: &ArchivedEvent) -> Result<Option<[ContentHash; 2]>, StoreError> {
    if event.aggregate_type != Image::TYPE {
        return Ok(None);
    }
    let event: ImageEvent = decode_text(&event.event_type, &event.event_version, &event.payload)?;
    Ok(of_event(&event))
}
