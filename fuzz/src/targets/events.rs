//! The contents of the log: times, events of every version, and the formats for subscribers and
//! auditors.

use photolog_api::fuzz;
use photolog_domain::event::{NamedEvent, decode_text};
use photolog_domain::fixtures::event_metadata;
use photolog_domain::upcast::current_version;
use photolog_domain::{AccountEvent, AccountId, EventMetadata, ImageEvent, Timestamp};
use photolog_projector::CloudEvent;
use photolog_store::{Fact, LogEntry, Recorded};
use serde_json::Value;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::{kind, magnitude, texts};
use crate::Target;
use crate::limits::TEXT;

pub(super) fn targets() -> Vec<Target> {
    [
        (
            "timestamp",
            timestamp as fn(&[u8]) -> u64,
            timestamp_seeds as fn() -> _,
            TIME,
        ),
        ("upcast", upcast, event_seeds, JSON),
        ("cloud_event", cloud_event, event_seeds, JSON),
        ("csv", csv, csv_seeds, JSON),
    ]
    .into_iter()
    .map(|(name, run, seeds, dictionary)| Target {
        name,
        run,
        dictionary,
        repair: None,
        seeds,
        longest: 64 << 10,
        limits: TEXT,
    })
    .collect()
}

const TIME: &[&str] = &[
    "T",
    "Z",
    "+23:59",
    "-23:59",
    "0000-",
    "9999-12-31",
    ":60",
    ".999999999",
];
const JSON: &[&str] = &[
    "{",
    "}",
    "\"",
    ":",
    ",",
    "null",
    "\\u0000",
    "\n",
    "=",
    "+",
    "-",
    "@",
    "\t",
    "\r",
    "1",
    "99",
    "\"type\"",
    "\"at\"",
    "\"entries\"",
    "MetadataSet",
    "Uploaded",
];

/// Text and value round-trip, and the years have four digits.
fn timestamp(bytes: &[u8]) -> u64 {
    let parsed = String::from_utf8_lossy(bytes).parse::<Timestamp>();
    if let Ok(moment) = parsed {
        let text = moment.to_string();
        assert_eq!(text.len(), "2026-11-21T04:36:26.000Z".len(), "{text}");
        assert_eq!(text.parse().ok(), Some(moment), "{text}");
        assert_eq!(
            Timestamp::from_unix_millis(moment.unix_millis()),
            Some(moment),
            "{text}"
        );
    }
    kind(parsed.is_ok())
}

fn timestamp_seeds() -> Vec<Vec<u8>> {
    texts(&[
        "2026-11-21T04:36:26.000Z",
        "0000-01-01T00:00:00+23:59",
        "2016-12-31T23:59:60Z",
        "2026-11-21 05:36:26.123999+01:00",
    ])
}

/// A stored event: its name, its version and its payload, one a line.
struct Stored<'a> {
    name: &'a str,
    version: &'a str,
    payload: &'a str,
}

impl<'a> Stored<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let (name, rest) = text.split_once('\n')?;
        let (version, payload) = rest.split_once('\n')?;
        Some(Self {
            name,
            version,
            payload,
        })
    }
}

/// An event that can be read can be written, and reads the same again.
fn upcast(bytes: &[u8]) -> u64 {
    let Some(Stored {
        name,
        version,
        payload,
    }) = Stored::read(bytes)
    else {
        return 0;
    };
    let image = decode_text::<ImageEvent>(name, version, payload);
    if let Ok(Some(event)) = &image {
        assert_eq!(written_and_read(name, event).as_ref(), Some(event));
    }
    let account = decode_text::<AccountEvent>(name, version, payload);
    if let Ok(Some(event)) = &account {
        assert_eq!(written_and_read(name, event).as_ref(), Some(event));
    }
    kind((
        image
            .map(|event| event.map(|event| event.name()))
            .map_err(|error| error.to_string()),
        account.is_ok_and(|event| event.is_some()),
    ))
}

/// An event as it is stored today.
fn written_and_read<E: NamedEvent>(name: &str, event: &E) -> Option<E> {
    let text = serde_json::to_string(event).ok()?;
    let read = decode_text(name, &current_version(name).to_string(), &text);
    read.ok().flatten()
}

/// The events that every version ever wrote.
fn event_seeds() -> Vec<Vec<u8>> {
    let golden = [
        include_str!("../../../domain/golden/events-v1.json"),
        include_str!("../../../domain/golden/key-issued-v2.json"),
        include_str!("../../../domain/golden/accounts-v1.json"),
    ];
    let stored = golden.map(|text| serde_json::from_str::<Vec<Value>>(text).unwrap_or_default());
    let texts = stored.iter().flatten().filter_map(|event| {
        let name = event["event_type"].as_str()?;
        let version = event["event_version"].as_str()?;
        Some(format!("{name}\n{version}\n{}", event["payload"]).into_bytes())
    });
    texts.collect()
}

/// An event for subscribers is JSON with the payload as it was stored.
fn cloud_event(bytes: &[u8]) -> u64 {
    let Some(Stored {
        name,
        version,
        payload,
    }) = Stored::read(bytes)
    else {
        return 0;
    };
    let Ok(raw) = RawValue::from_string(payload.to_owned()) else {
        return kind("no JSON");
    };
    let entry = LogEntry {
        position: 7,
        account: AccountId::new(Uuid::nil()),
        aggregate_type: "Image".to_owned(),
        aggregate_id: Uuid::nil().to_string(),
        sequence: 1,
        event_type: name.to_owned(),
        event_version: version.to_owned(),
        payload: raw,
        metadata: metadata(None),
        hash: [0; 32],
    };
    let Some(event) = CloudEvent::of(entry) else {
        panic!("an image's event that is not published");
    };
    let text = serde_json::to_string(&event);
    let value = text.and_then(|text| serde_json::from_str::<Value>(&text));
    let event = value.map(|mut value| value["data"]["event"].take()).ok();
    assert_eq!(event, serde_json::from_str(payload).ok());
    kind(magnitude(payload.len()))
}

fn metadata(reason: Option<String>) -> EventMetadata {
    EventMetadata {
        reason,
        ..event_metadata()
    }
}

/// A reason on each line, for a stream in which every event has one.
fn csv(bytes: &[u8]) -> u64 {
    let Some(events) = stream() else {
        panic!("the golden events are of today's version");
    };
    let text = String::from_utf8_lossy(bytes);
    let reasons: Vec<_> = text.split('\n').take(64).collect();
    let events = reasons.iter().enumerate().map(|(at, reason)| Recorded {
        sequence: at as u64 + 1,
        position: Some(at as i64 + 1),
        event: Fact::Known(events[at % events.len()].clone()),
        metadata: metadata((!reason.is_empty()).then(|| (*reason).to_owned())),
    });
    kind(magnitude(fuzz::csv(events.collect())))
}

fn stream() -> Option<Vec<ImageEvent>> {
    let events = event_seeds().into_iter().filter_map(|seed| {
        let stored = Stored::read(&seed)?;
        let read = decode_text(stored.name, stored.version, stored.payload);
        read.ok().flatten()
    });
    let events: Vec<_> = events.collect();
    (!events.is_empty()).then_some(events)
}

fn csv_seeds() -> Vec<Vec<u8>> {
    texts(&[
        "moved\n\n=HYPERLINK(\"x\")",
        "+1\n-1\n@a\n\ttab\n\rline",
        "a \"quoted\", word\n'=1",
    ])
}
