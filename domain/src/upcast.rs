//! Stored events of older versions, turned into today's when they are read.
//!
//! Events are never edited, so every version ever written must stay readable.
//! To change an event: raise [`CURRENT_VERSION`], add a [`Step`] from the old version,
//! and keep a golden file of the old one under `domain/golden/`.

use serde_json::Value;

/// The version written with every event today.
pub const CURRENT_VERSION: u32 = 1;

/// One change of one event's shape.
#[derive(Debug)]
pub struct Step {
    /// The stored name it applies to.
    pub event_type: &'static str,
    /// The version it lifts to the next one.
    pub from_version: u32,
    /// The change itself.
    pub upgrade: fn(Value) -> Value,
}

/// Every change since version 1.
pub const STEPS: &[Step] = &[];

/// Why a stored event cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum UpcastError {
    /// Written by a newer program, or not by us.
    #[error(
        "event {event_type} has version {event_version}, this program knows up to {CURRENT_VERSION}"
    )]
    UnknownVersion {
        /// The stored name.
        event_type: String,
        /// The stored version.
        event_version: String,
    },
    /// The payload is not such an event.
    #[error("event {event_type} cannot be read")]
    Payload {
        /// The stored name.
        event_type: String,
        /// What the parser said.
        #[source]
        source: serde_json::Error,
    },
}

/// Lifts a payload step by step to [`CURRENT_VERSION`].
///
/// # Errors
/// When the version is no number, or newer than the newest known one.
pub fn to_current(
    steps: &[Step],
    event_type: &str,
    event_version: &str,
    payload: Value,
) -> Result<Value, UpcastError> {
    let unknown = || UpcastError::UnknownVersion {
        event_type: event_type.to_owned(),
        event_version: event_version.to_owned(),
    };
    let newest = steps
        .iter()
        .map(|step| step.from_version + 1)
        .fold(CURRENT_VERSION, u32::max);
    let version: u32 = event_version.parse().map_err(|_| unknown())?;
    if version == 0 || version > newest {
        return Err(unknown());
    }
    Ok((version..newest).fold(payload, |payload, from_version| {
        steps
            .iter()
            .find(|step| step.event_type == event_type && step.from_version == from_version)
            .map_or(payload.clone(), |step| (step.upgrade)(payload))
    }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::event::{AccountEvent, ImageEvent, decode};

    const RENAMES: &[Step] = &[
        Step {
            event_type: "MetadataKeyDeleted",
            from_version: 1,
            upgrade: |mut payload| {
                if let Some(name) = payload.as_object_mut().and_then(|map| map.remove("name")) {
                    payload["label"] = name;
                }
                payload
            },
        },
        Step {
            event_type: "MetadataKeyDeleted",
            from_version: 2,
            upgrade: |mut payload| {
                if let Some(label) = payload.as_object_mut().and_then(|map| map.remove("label")) {
                    payload["key"] = label;
                }
                payload
            },
        },
    ];

    #[test]
    fn an_old_event_climbs_every_step_to_todays_shape() {
        let at = "2026-11-21T04:36:26.000Z";
        for (version, field) in [("1", "name"), ("2", "label"), ("3", "key")] {
            let stored = json!({"type": "MetadataKeyDeleted", "at": at, field: "colour"});
            let lifted = to_current(RENAMES, "MetadataKeyDeleted", version, stored).unwrap();
            let event: ImageEvent = serde_json::from_value(lifted).unwrap();
            assert_eq!(
                event,
                ImageEvent::MetadataKeyDeleted {
                    at: at.parse().unwrap(),
                    key: "colour".parse().unwrap()
                }
            );
        }
    }

    #[test]
    fn an_event_without_a_step_passes_unchanged() {
        let stored = json!({"type": "Disabled", "at": "2026-11-21T04:36:26.000Z"});
        assert_eq!(
            to_current(RENAMES, "Disabled", "1", stored.clone()).unwrap(),
            stored
        );
    }

    #[test]
    fn an_event_from_a_newer_program_is_refused_by_name() {
        for version in ["2", "0", "-1", "1.0", "", "99999999999"] {
            let error = decode::<ImageEvent>("Disabled", version, json!({})).unwrap_err();
            assert!(
                matches!(error, UpcastError::UnknownVersion { .. }),
                "{version}"
            );
        }
    }

    #[test]
    fn every_version_ever_written_can_still_be_read() {
        let stored: Vec<Value> =
            serde_json::from_str(include_str!("../golden/events-v1.json")).unwrap();
        for envelope in stored {
            let text = |name: &str| envelope[name].as_str().unwrap().to_owned();
            let (event_type, version, payload) = (
                text("event_type"),
                text("event_version"),
                &envelope["payload"],
            );
            let written_again = if text("aggregate_type") == "Image" {
                serde_json::to_value(
                    decode::<ImageEvent>(&event_type, &version, payload.clone()).unwrap(),
                )
            } else {
                serde_json::to_value(
                    decode::<AccountEvent>(&event_type, &version, payload.clone()).unwrap(),
                )
            };
            assert_eq!(&written_again.unwrap(), payload, "{event_type}");
        }
    }
}
