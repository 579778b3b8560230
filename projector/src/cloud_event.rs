//! An event as subscribers receive it, from JetStream and from the feed: CloudEvents 1.0, JSON format
//! (<https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md>).
//!
//! `docs/events.md` explains it, `docs/asyncapi.json` describes it; a test checks the latter against
//! this file.

use photolog_domain::{AccountId, DialectName, Name, Timestamp};
use photolog_store::{LogEntry, Position};
use serde::Serialize;
use serde_json::value::RawValue;
use uuid::Uuid;

/// The media type of one event.
pub const MEDIA_TYPE: &str = "application/cloudevents+json";

/// The aggregate whose events subscribers receive. An account's own events contain hashes of secrets.
const PUBLISHED: &str = "Image";

/// One event for a subscriber.
#[derive(Clone, Debug, Serialize)]
pub struct CloudEvent {
    specversion: &'static str,
    /// The event's own id, the same for every delivery.
    pub id: Uuid,
    source: String,
    #[serde(rename = "type")]
    kind: String,
    subject: String,
    time: Timestamp,
    datacontenttype: &'static str,
    data: Data,
}

#[derive(Clone, Debug, Serialize)]
struct Data {
    account: AccountId,
    image: String,
    sequence: u64,
    position: Position,
    actor: String,
    #[serde(rename = "actorName", skip_serializing_if = "Option::is_none")]
    actor_name: Option<Name>,
    dialect: DialectName,
    #[serde(rename = "requestID")]
    request_id: String,
    #[serde(rename = "correlationID")]
    correlation_id: String,
    #[serde(rename = "causationID")]
    causation_id: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    event: Box<RawValue>,
}

impl CloudEvent {
    /// The event for subscribers; `None` when it is not published.
    pub fn of(entry: LogEntry) -> Option<Self> {
        if entry.aggregate_type != PUBLISHED {
            return None;
        }
        Some(Self {
            specversion: "1.0",
            id: entry.metadata.event_id,
            source: format!("/accounts/{}", entry.account),
            kind: format!("photolog.v{}.{}", entry.event_version, entry.event_type),
            subject: format!("images/{}", entry.aggregate_id),
            time: entry.metadata.occurred_at,
            datacontenttype: "application/json",
            data: Data {
                account: entry.account,
                image: entry.aggregate_id,
                sequence: entry.sequence,
                position: entry.position,
                actor: entry.metadata.actor,
                actor_name: None,
                dialect: entry.metadata.dialect,
                request_id: entry.metadata.request_id,
                correlation_id: entry.metadata.correlation_id,
                causation_id: entry.metadata.causation_id,
                reason: entry.metadata.reason,
                event: entry.payload,
            },
        })
    }

    /// Adds the name of the key that wrote it. Only the feed shows it: a stream keeps its messages for
    /// ever, and a name may be a person's.
    #[must_use]
    pub fn by(mut self, actor_name: Option<&Name>) -> Self {
        self.data.actor_name = actor_name.cloned();
        self
    }

    /// The actor that wrote it.
    pub fn actor(&self) -> &str {
        &self.data.actor
    }

    /// Its position in the log.
    pub fn position(&self) -> Position {
        self.data.position
    }

    /// The size of its data, in bytes.
    pub fn size_bytes(&self) -> usize {
        self.data.event.get().len()
    }

    /// The image that it concerns.
    pub fn image(&self) -> &str {
        &self.data.image
    }

    /// `Uploaded`, `Replaced`, …
    pub fn event_type(&self) -> &str {
        self.kind.rsplit('.').next().unwrap_or_default()
    }

    /// The subject on which it is published: `{prefix}.{account}.{image}.{EventType}`.
    pub fn nats_subject(&self, prefix: &str) -> String {
        let Data { account, image, .. } = &self.data;
        format!("{prefix}.{account}.{image}.{}", self.event_type())
    }
}

#[cfg(test)]
mod tests {
    use photolog_domain::EventMetadata;
    use serde_json::{Value, json};

    use super::*;

    fn entry(event_type: &str, event_version: &str, payload: &str) -> LogEntry {
        let metadata = json!({
            "event_id": Uuid::nil(), "occurred_at": "2026-11-21T04:36:26.000Z",
            "actor": "plk_abcdefghijklmnop", "dialect": "imgix", "request_id": "r",
            "correlation_id": "r", "causation_id": Uuid::nil(), "labels": ["new"],
        });
        LogEntry {
            position: 7,
            account: AccountId::new(Uuid::nil()),
            aggregate_type: PUBLISHED.to_owned(),
            aggregate_id: Uuid::nil().to_string(),
            sequence: 2,
            event_type: event_type.to_owned(),
            event_version: event_version.to_owned(),
            payload: RawValue::from_string(payload.to_owned()).unwrap(),
            metadata: serde_json::from_value::<EventMetadata>(metadata).unwrap(),
            hash: [0; 32],
        }
    }

    #[test]
    fn a_type_has_the_version_of_its_event_alone() {
        for (event_type, version, kind) in [
            ("Disabled", "1", "photolog.v1.Disabled"),
            ("Uploaded", "2", "photolog.v2.Uploaded"),
            ("Sold", "9", "photolog.v9.Sold"),
        ] {
            let event = CloudEvent::of(entry(event_type, version, "{}")).unwrap();
            let subject = event.nats_subject("photolog.v1");
            assert!(subject.starts_with("photolog.v1."), "{subject}");
            assert!(subject.ends_with(event_type), "{subject}");
            assert_eq!(serde_json::to_value(&event).unwrap()["type"], kind);
        }
    }

    #[test]
    fn what_only_a_newer_program_knows_is_passed_on_as_it_is_stored() {
        let payload = r#"{ "type":"Sold",  "price":1.50, "a":{"b":[1]} }"#;
        let event = CloudEvent::of(entry("Sold", "9", payload)).unwrap();
        let text = serde_json::to_string(&event).unwrap();
        assert!(text.contains(payload), "{text}");
        let event: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(event["data"]["dialect"], "imgix");
    }
}
