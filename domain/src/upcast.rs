//! Converts stored events of older versions to the current ones when they are read.
//!
//! Events are never edited, so every version ever written must stay readable.
//! To change an event, add an [`Upgrade`] from its current version, which makes the next version
//! the current one of that event alone, and keep a golden file of the old one under
//! `domain/golden/`.

use serde_json::Value;

use crate::key;

/// One change to one event's shape.
#[derive(Debug)]
pub struct Upgrade {
    /// The stored name of the event.
    pub event_type: &'static str,
    /// The version that it converts to the next one.
    pub from_version: u32,
    /// The conversion itself.
    pub upgrade: fn(Value) -> Value,
}

/// Every upgrade since version 1.
pub const UPGRADES: &[Upgrade] = &[Upgrade {
    event_type: "KeyIssued",
    from_version: 1,
    upgrade: key::upgrade_issued,
}];

/// The version in which an event is currently written.
pub fn current_version(event_type: &str) -> u32 {
    newest(UPGRADES, event_type)
}

fn newest(steps: &[Upgrade], event_type: &str) -> u32 {
    let of_type = steps.iter().filter(|step| step.event_type == event_type);
    of_type.map(|step| step.from_version + 1).fold(1, u32::max)
}

/// Converts a payload step by step to the current version of its event; `None` when this program
/// does not know its version.
pub fn to_current(
    steps: &[Upgrade],
    event_type: &str,
    event_version: &str,
    payload: Value,
) -> Option<Value> {
    let newest = newest(steps, event_type);
    let version = event_version.parse().ok();
    let version: u32 = version.filter(|version| (1..=newest).contains(version))?;
    Some((version..newest).fold(payload, |payload, from_version| {
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
    use crate::event::{AccountEvent, ImageEvent, decode, decode_text};

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
    fn an_event_that_only_a_newer_program_knows_is_not_read() {
        for (event_type, version) in [
            ("Disabled", "2"),
            ("Disabled", "0"),
            ("Disabled", "-1"),
            ("Disabled", "1.0"),
            ("Disabled", ""),
            ("Disabled", "99999999999"),
            ("Sold", "1"),
            ("AccountClosed", "1"),
        ] {
            let read = decode::<ImageEvent>(event_type, version, json!({}));
            assert_eq!(read.unwrap(), None, "{event_type} {version}");
            let read = decode_text::<ImageEvent>(event_type, version, "{}");
            assert_eq!(read.unwrap(), None, "{event_type} {version}");
        }
        let damaged = decode::<ImageEvent>("Disabled", "1", json!({}));
        assert!(damaged.is_err());
    }

    #[test]
    fn members_that_only_a_newer_program_knows_are_passed_over() {
        let at = "2026-11-21T04:36:26.000Z";
        let stored = json!({"type": "Disabled", "at": at, "by": {"law": 7}});
        let event = ImageEvent::Disabled {
            at: at.parse().unwrap(),
        };
        assert_eq!(decode("Disabled", "1", stored).unwrap(), Some(event));
    }

    /// Reads a stored event as this program does, and serialises it again.
    fn read_again(envelope: &Value) -> Value {
        let text = |name: &str| envelope[name].as_str().unwrap().to_owned();
        let (event_type, version) = (text("event_type"), text("event_version"));
        let payload = envelope["payload"].clone();
        let written_again = if text("aggregate_type") == "Image" {
            serde_json::to_value(
                decode::<ImageEvent>(&event_type, &version, payload)
                    .unwrap()
                    .unwrap(),
            )
        } else {
            serde_json::to_value(
                decode::<AccountEvent>(&event_type, &version, payload)
                    .unwrap()
                    .unwrap(),
            )
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
    fn words_that_only_a_newer_program_knows_are_kept() {
        let mut stored = golden(include_str!("../golden/events-v1.json"));
        stored.extend(golden(include_str!("../golden/key-issued-v2.json")));
        for envelope in &mut stored {
            let payload = &mut envelope["payload"];
            if let Some(content) = payload.get_mut("content") {
                content["media_type"] = json!("image/avif");
                payload["master"]["media_type"] = json!("image/jxl");
            } else if let Some(key) = payload.get_mut("key").filter(|key| key.is_object()) {
                key["scopes"] = json!(["images.read", "images.share"]);
            }
            let read = read_again(envelope);
            for (part, word) in [
                ("content", "media_type"),
                ("master", "media_type"),
                ("key", "scopes"),
            ] {
                let words =
                    |event: &Value| event.get(part).and_then(|part| part.get(word)).cloned();
                assert_eq!(words(&read), words(&envelope["payload"]), "{part} {read}");
            }
        }
    }

    #[test]
    fn a_key_of_version_1_has_the_hashes_of_the_verifiers_that_its_event_holds() {
        let stored = golden(include_str!("../golden/events-v1.json"));
        let issued = stored
            .iter()
            .find(|event| event["event_type"] == "KeyIssued");
        let read = read_again(issued.unwrap());
        // printf '05%.0s' {1..32} | xxd -r -p | sha256sum; and 06 20 times.
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
            let refused = decode::<AccountEvent>("KeyIssued", "1", payload);
            assert!(refused.is_err(), "{key}");
        }
    }
}
