//! One audit entry: an event's envelope, and the affected values before and after it.

use cqrs_es::Aggregate;
use photolog_domain::{
    DialectName, ForwardCompatible, Image, ImageEvent, ImageState, Metadata, MetadataKey, Name,
    Timestamp,
};
use photolog_store::{ActorNames, Fact, Recorded};
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::error::ApiError;

/// One audit entry.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HistoryEntry {
    /// Its position in the image's stream, from 1.
    pub sequence: u64,
    /// Its position in the log of all images; absent until it is sequenced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<i64>,
    /// The event's type.
    #[serde(rename = "type")]
    pub event_type: String,
    /// When it happened.
    pub at: Timestamp,
    /// The id of the key that requested it; `operator` or `operator:LABEL` for the command line.
    pub actor: String,
    /// The name of the key, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor_name: Option<Name>,
    /// The dialect of the request.
    pub dialect: DialectName,
    /// The reason, if the client gave one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The id of the request.
    #[serde(rename = "requestID")]
    pub request_id: String,
    /// The id that connects several requests.
    #[serde(rename = "correlationID")]
    pub correlation_id: String,
    /// The id of the command: the same for all events of one commit.
    #[serde(rename = "causationID")]
    pub causation_id: Uuid,
    /// The id of the event.
    #[serde(rename = "eventID")]
    pub event_id: Uuid,
    /// The changed values before the event; `null` if there were none, and after any event that
    /// only a newer version can read.
    pub before: Value,
    /// The changed values after the event; `null` for an event that only a newer version can read.
    pub after: Value,
    /// Such an event in its stored form.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<Box<RawValue>>,
}

/// Turns events into entries: what each event changed, and who caused it. `image` is the state
/// before the events, and is advanced to the state after them.
pub fn entries(
    image: &mut Image,
    events: impl IntoIterator<Item = Recorded<ImageEvent>>,
    names: &ActorNames,
) -> impl Iterator<Item = HistoryEntry> {
    events.into_iter().map(move |recorded| {
        let (event_type, before, after, data) = match recorded.event {
            Fact::Known(event) => {
                let name = event.name().to_owned();
                let before = image.state().filter(|state| !state.has_newer_events);
                let before = changed(&event, before);
                image.apply(event.clone());
                (name, before, changed(&event, image.state()), None)
            }
            Fact::Newer {
                event_type,
                payload,
            } => {
                image.apply_newer();
                (event_type, Value::Null, Value::Null, Some(payload))
            }
        };
        HistoryEntry {
            sequence: recorded.sequence,
            position: recorded.position,
            event_type,
            at: recorded.metadata.occurred_at,
            actor_name: names.get(&recorded.metadata.actor).cloned(),
            actor: recorded.metadata.actor,
            dialect: recorded.metadata.dialect,
            reason: recorded.metadata.reason,
            request_id: recorded.metadata.request_id,
            correlation_id: recorded.metadata.correlation_id,
            causation_id: recorded.metadata.causation_id,
            event_id: recorded.metadata.event_id,
            before,
            after,
            data,
        }
    })
}

/// The parts of an image that an event affects.
fn changed(event: &ImageEvent, state: Option<&ImageState>) -> Value {
    let Some(state) = state else {
        return Value::Null;
    };
    match event {
        ImageEvent::Uploaded { .. } => json!({
            "publicID": state.public_id,
            "content": state.content,
            "master": state.master,
        }),
        ImageEvent::Replaced { .. } => json!({
            "content": state.content,
            "master": state.master,
        }),
        ImageEvent::MetadataSet { entries, .. } => {
            json!({ "metadata": picked(&state.metadata, entries.keys()) })
        }
        ImageEvent::MetadataKeyDeleted { key, .. } => {
            json!({ "metadata": picked(&state.metadata, [key]) })
        }
        ImageEvent::Disabled { .. } => json!({ "disabledOn": state.disabled_at }),
    }
}

fn picked<'a>(metadata: &Metadata, keys: impl IntoIterator<Item = &'a MetadataKey>) -> Value {
    keys.into_iter()
        .map(|key| (key.to_string(), json!(metadata.get(key))))
        .collect::<Map<_, _>>()
        .into()
}

/// An entry as one line of JSON.
///
/// # Errors
/// When it cannot be serialised.
pub fn json_line(entry: &HistoryEntry) -> Result<Vec<u8>, ApiError> {
    let mut line = serde_json::to_vec(entry).map_err(ApiError::internal)?;
    line.push(b'\n');
    Ok(line)
}

/// The header line of a CSV table (RFC 4180).
///
/// # Errors
/// When it cannot be serialised.
pub fn csv_head() -> Result<Vec<u8>, ApiError> {
    csv_line([
        "sequence",
        "position",
        "type",
        "at",
        "actor",
        "actorName",
        "dialect",
        "reason",
        "requestID",
        "correlationID",
        "causationID",
        "eventID",
        "before",
        "after",
        "data",
    ])
}

/// An entry as one line of a CSV table.
///
/// # Errors
/// When it cannot be serialised.
pub fn csv_row(entry: &HistoryEntry) -> Result<Vec<u8>, ApiError> {
    csv_line([
        entry.sequence.to_string(),
        entry
            .position
            .map(|place| place.to_string())
            .unwrap_or_default(),
        harmless(&entry.event_type),
        entry.at.to_string(),
        harmless(&entry.actor),
        harmless(entry.actor_name.as_ref().map_or("", Name::as_str)),
        harmless(&entry.dialect.to_string()),
        harmless(entry.reason.as_deref().unwrap_or_default()),
        harmless(&entry.request_id),
        harmless(&entry.correlation_id),
        entry.causation_id.to_string(),
        entry.event_id.to_string(),
        entry.before.to_string(),
        entry.after.to_string(),
        harmless(entry.data.as_ref().map_or("", |data| data.get())),
    ])
}

fn csv_line<const N: usize>(fields: [impl AsRef<[u8]>; N]) -> Result<Vec<u8>, ApiError> {
    let mut line = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(Vec::new());
    line.write_record(fields).map_err(ApiError::internal)?;
    line.into_inner()
        .map_err(|problem| ApiError::internal(problem.to_string()))
}

/// Text that a client chose must not become a formula when the table is opened in a spreadsheet.
fn harmless(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{text}")
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use photolog_domain::EventMetadata;

    use super::*;

    fn recorded(sequence: u64, event: Value, reason: Option<&str>) -> Recorded<ImageEvent> {
        Recorded {
            sequence,
            position: Some(40 + sequence as i64),
            event: Fact::Known(serde_json::from_value(event).unwrap()),
            metadata: EventMetadata {
                event_id: Uuid::nil(),
                occurred_at: "2026-11-21T04:36:26.000Z".parse().unwrap(),
                actor: "plk_abcdefghijklmnop".into(),
                dialect: DialectName::MOOV,
                request_id: "r-1".into(),
                correlation_id: "r-1".into(),
                causation_id: Uuid::nil(),
                reason: reason.map(str::to_owned),
            },
        }
    }

    fn stream() -> Vec<Recorded<ImageEvent>> {
        let at = "2026-11-21T04:36:26.000Z";
        let content = json!({"digest": "01".repeat(32), "media_type": "image/png",
            "size_bytes": 1, "width": 1, "height": 1, "has_alpha": false});
        let master = json!({"digest": "02".repeat(32), "media_type": "image/png",
            "width": 1, "height": 1});
        vec![
            recorded(
                1,
                json!({"type": "Uploaded", "at": at, "content": content, "master": master,
                    "account": "0190f7c2-1111-7aaa-8bbb-123456789abc",
                    "public_id": "abcdefghij_-ABCDEFGH1"}),
                None,
            ),
            recorded(
                2,
                json!({"type": "MetadataSet", "at": at, "entries": {"a": "1"}}),
                None,
            ),
            recorded(
                3,
                json!({"type": "MetadataSet", "at": at, "entries": {"a": "2"}}),
                Some("=HYPERLINK(\"x\")"),
            ),
            recorded(
                4,
                json!({"type": "MetadataKeyDeleted", "at": at, "key": "a"}),
                None,
            ),
            recorded(5, json!({"type": "Disabled", "at": at}), None),
        ]
    }

    #[test]
    fn each_entry_shows_what_stood_there_before_and_after() {
        let entries: Vec<_> =
            entries(&mut Image::default(), stream(), &ActorNames::default()).collect();
        assert_eq!(entries[0].before, Value::Null);
        assert_eq!(entries[0].after["publicID"], "abcdefghij_-ABCDEFGH1");
        let metadata = |value: &str| json!({"metadata": {"a": value}});
        let nothing = json!({"metadata": {"a": null}});
        assert_eq!(
            (&entries[1].before, &entries[1].after),
            (&nothing, &metadata("1"))
        );
        assert_eq!(
            (&entries[2].before, &entries[2].after),
            (&metadata("1"), &metadata("2"))
        );
        assert_eq!(
            (&entries[3].before, &entries[3].after),
            (&metadata("2"), &nothing)
        );
        assert_eq!(entries[4].before, json!({"disabledOn": null}));
        assert_eq!(
            entries[4].after,
            json!({"disabledOn": "2026-11-21T04:36:26.000Z"})
        );
    }

    #[test]
    fn behind_an_event_that_only_a_newer_program_knows_nobody_knows_what_stood_there() {
        let mut stream = stream();
        let payload = r#"{"type": "Sold", "price": 1.50}"#;
        stream[2].event = Fact::Newer {
            event_type: "Sold".to_owned(),
            payload: RawValue::from_string(payload.to_owned()).unwrap(),
        };
        let entries: Vec<_> =
            entries(&mut Image::default(), stream, &ActorNames::default()).collect();
        let sold = &entries[2];
        assert_eq!(sold.event_type, "Sold");
        assert_eq!((&sold.before, &sold.after), (&Value::Null, &Value::Null));
        let line = String::from_utf8(json_line(sold).unwrap()).unwrap();
        assert!(line.contains(&format!("\"data\":{payload}")), "{line}");
        let row = String::from_utf8(csv_row(sold).unwrap()).unwrap();
        assert!(row.contains("\"\"price\"\": 1.50"), "{row}");
        let deleted = &entries[3];
        assert_eq!(deleted.before, Value::Null);
        assert_eq!(deleted.after, json!({"metadata": {"a": null}}));
        assert!(
            entries
                .iter()
                .all(|entry| entry.data.is_some() == (entry.sequence == 3))
        );
    }

    #[test]
    fn a_reason_cannot_become_a_formula() {
        let entries: Vec<_> =
            entries(&mut Image::default(), stream(), &ActorNames::default()).collect();
        let lines = entries.iter().map(|entry| csv_row(entry).unwrap());
        let table = csv_head().unwrap().into_iter().chain(lines.flatten());
        let text = String::from_utf8(table.collect()).unwrap();
        assert_eq!(text.lines().count(), 6);
        assert!(text.contains("\"'=HYPERLINK(\"\"x\"\")\""), "{text}");
    }
}
