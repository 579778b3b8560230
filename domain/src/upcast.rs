//! Stored events of older versions, turned into today's when they are read.
//!
//! Events are never edited, so every version ever written must stay readable.
//! To change an event: add a [`Upgrade`] from its present version, which makes the next one the present
//! version of that event alone, and keep a golden file of the old one under `domain/golden/`.

use serde_json::Value;

use crate::key;

/// One change of one event's shape.
#[derive(Debug)]
pub struct Upgrade {
    /// The stored name it applies to.
    pub event_type: &'static str,
    /// The version it lifts to the next one.
    pub from_version: u32,
    /// The change itself.
    pub upgrade: fn(Value) -> Value,
}

/// Every change since version 1.
pub const UPGRADES: &[Upgrade] = &[Upgrade {
    event_type: "KeyIssued",
    from_version: 1,
    upgrade: key::upgrade_issued,
}];

/// Why a stored event cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum UpcastError {
    /// Written by a newer program, or not by us.
    #[error("event {event_type} has version {event_version}, this program knows up to {newest}")]
    UnknownVersion {
        /// The stored name.
        event_type: String,
        /// The stored version.
        event_version: String,
        /// The newest version that this program knows.
        newest: u32,
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

/// The version with which an event is written today.
pub fn current_version(event_type: &str) -> u32 {
    newest(UPGRADES, event_type)
}

fn newest(steps: &[Upgrade], event_type: &str) -> u32 {
    let of_type = steps.iter().filter(|step| step.event_type == event_type);
    of_type.map(|step| step.from_version + 1).fold(1, u32::max)
}

/// Lifts a payload step by step to the newest version of its event.
///
/// # Errors
/// When the version is no number, or newer than the newest known one.
pub fn to_current(
    steps: &[Upgrade],
    event_type: &str,
    event_version: &str,
    payload: Value,
) -> Result<Value, UpcastError> {
    let newest = newest(steps, event_type);
    let unknown = || UpcastError::UnknownVersion {
        event_type: event_type.to_owned(),
        event_version: event_version.to_owned(),
        newest,
    };
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

    const RENAMES: &[Upgrade] = &[
        Upgrade {
            event_type: "MetadataKeyDeleted",
            from_version: 1,
            upgrade: |mut payload| {
                if let Some(name) = payload.as_object_mut().and_then(|map| map.remove("name")) {
                    payload["label"] = name;
                }
                payload
            },
        },
        Upgrade {
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

    /// A stored event as this program reads it, written again.
    fn read_again(envelope: &Value) -> Value {
        let text = |name: &str| envelope[name].as_str().unwrap().to_owned();
        let (event_type, version) = (text("event_type"), text("event_version"));
        let payload = envelope["payload"].clone();
        let written_again = if text("aggregate_type") == "Image" {
            serde_json::to_value(decode::<ImageEvent>(&event_type, &version, payload).unwrap())
        } else {
            serde_json::to_value(decode::<AccountEvent>(&event_type, &version, payload).unwrap())
        };
        written_again.unwrap()
    }

    fn golden(file: &str) -> Vec<Value> {
        serde_json::from_str(file).unwrap()
    }

    #[test]
    fn every_version_ever_written_can_still_be_read() {
        let stored = golden(include_str!("../golden/events-v1.json"));
        let later = [
            golden(include_str!("../golden/key-issued-v2.json")),
            golden(include_str!("../golden/accounts-v1.json")),
        ];
        for envelope in stored.iter().chain(later.iter().flatten()) {
            let payload = &envelope["payload"];
            let event_type = envelope["event_type"].as_str().unwrap();
            let version = current_version(event_type).to_string();
            if envelope["event_version"] == version.as_str() {
                assert_eq!(&read_again(envelope), payload, "{event_type}");
            }
        }
        assert_eq!(stored.len(), 9);
    }

    #[test]
    fn a_key_of_version_1_has_the_hashes_of_the_verifiers_that_its_event_holds() {
        let stored = golden(include_str!("../golden/events-v1.json"));
        let issued = stored
            .iter()
            .find(|event| event["event_type"] == "KeyIssued");
        let read = read_again(issued.unwrap());
        // printf '05%.0s' {1..32} | xxd -r -p | sha256sum; the same of 20 times 06.
        let expected = json!({
            "verifier_hashes": {
                "secret": "f849d67325facf04177bc663b2dc544051831c589ef581d412f2eba44834e77c",
                "signing": "6a922fbc7504a34cc25eb0adfb79d6b768baf4459e7247cda21b7f690d5b8baa",
            },
            "logged_verifiers": {
                "secret_sha256": "05".repeat(32),
                "signing_sha1": "06".repeat(20),
            },
            "scopes": ["images.read", "images.write", "history.read"],
        });
        assert_eq!(read["key"], expected);
        assert_eq!(read["key_id"], "plk_abcdefghijklmnop");
    }

    #[test]
    fn a_key_of_version_1_with_another_shape_is_refused() {
        for key in [json!(null), json!([]), json!({"secret_sha256": "05"})] {
            let payload = json!({
                "type": "KeyIssued", "at": "2026-11-21T04:36:21.000Z",
                "key_id": "plk_abcdefghijklmnop", "key": key,
            });
            let error = decode::<AccountEvent>("KeyIssued", "1", payload).unwrap_err();
            assert!(matches!(error, UpcastError::Payload { .. }), "{key}");
        }
    }
}
