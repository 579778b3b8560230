//! The JetStream stream: created when missing, otherwise checked, and read to find where to resume.

use async_nats::header::{HeaderMap, NATS_MESSAGE_ID};
use async_nats::jetstream::Context;
use async_nats::jetstream::context::{CreateStreamErrorKind, GetStreamErrorKind};
use async_nats::jetstream::message::StreamMessage;
use async_nats::jetstream::stream::{
    Config, LastRawMessageErrorKind, RetentionPolicy, StorageType, Stream,
};
use photolog_store::{Bookmark, Position, Store, StoreError};

use super::RelayError;
use crate::cloud_event::CloudEvent;
use crate::settings::RelaySettings;

/// The header that contains an event's position in the log.
pub(super) const POSITION_HEADER: &str = "Photolog-Position";

/// The relay's name among the followers of the log.
const FOLLOWER: &str = "relay";

/// Maximum number of foreign messages skipped on the way back to our last one.
const MOST_FOREIGN: u64 = 1_000;

/// Entries per read.
const BATCH: u32 = 1_000;

/// The progress of the relay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct RelayPosition {
    /// The position of the last event published.
    pub(super) position: Position,
    /// The sequence of the stream's last message.
    pub(super) sequence: u64,
}

/// Opens the stream, or creates it when it does not exist.
pub(super) async fn open(
    jetstream: &Context,
    settings: &RelaySettings,
) -> Result<Stream, RelayError> {
    let name = &settings.nats_stream;
    let subjects = settings.subjects();
    match jetstream.get_stream(name).await {
        Ok(stream) => {
            check(&stream.cached_info().config, &subjects).map_err(RelayError::Stream)?;
            Ok(stream)
        }
        Err(error) if is_missing(&error.kind()) => {
            let config = Config {
                name: name.clone(),
                description: Some("Every event of every image, in order".to_owned()),
                subjects: vec![subjects],
                storage: StorageType::File,
                num_replicas: settings.nats_replicas,
                allow_direct: true,
                ..Config::default()
            };
            let made = jetstream.create_stream(config).await;
            made.map_err(|error| {
                let hint = match has_taken_subjects(&error.kind()) {
                    true => "; give other subjects by --nats-subject-prefix",
                    false => "",
                };
                RelayError::Stream(format!("{name} cannot be made: {error}{hint}"))
            })?;
            let stream = jetstream.get_stream(name).await;
            stream.map_err(|error| RelayError::Stream(format!("{name}: {error}")))
        }
        Err(error) => Err(RelayError::Unreachable(format!(
            "JetStream does not answer: {error}"
        ))),
    }
}

/// Another stream has these subjects, for example after this stream's name was changed.
fn has_taken_subjects(kind: &CreateStreamErrorKind) -> bool {
    const SUBJECTS_OVERLAP: u64 = 10_065;
    matches!(kind, CreateStreamErrorKind::JetStream(error)
        if error.error_code().0 == SUBJECTS_OVERLAP)
}

fn is_missing(kind: &GetStreamErrorKind) -> bool {
    const STREAM_NOT_FOUND: u64 = 10_059;
    matches!(kind, GetStreamErrorKind::JetStream(error)
        if error.error_code().0 == STREAM_NOT_FOUND)
}

/// An operator may have created the stream, with any limits and placement; but it must accept exactly
/// our subjects, acknowledge messages, and keep them.
fn check(config: &Config, wanted: &str) -> Result<(), String> {
    let Config {
        name,
        subjects,
        storage,
        retention,
        no_ack,
        sealed,
        ..
    } = config;
    if subjects.as_slice() != [wanted] {
        return Err(format!(
            "{name} exists with subjects {subjects:?} instead of {wanted:?}; name another stream, \
             or give --nats-subject-prefix as it was when the stream was made"
        ));
    }
    if *storage != StorageType::File {
        return Err(format!(
            "{name} exists with storage in memory instead of on file"
        ));
    }
    if *retention != RetentionPolicy::Limits {
        return Err(format!(
            "{name} exists with retention {retention:?} instead of Limits"
        ));
    }
    if *no_ack {
        return Err(format!(
            "{name} exists with no_ack, so it would not confirm what it has stored"
        ));
    }
    if *sealed {
        return Err(format!("{name} is sealed and takes no messages"));
    }
    Ok(())
}

/// Where to resume: after our last message in the stream.
pub(super) async fn resume(stream: &Stream, store: &Store) -> Result<RelayPosition, RelayError> {
    let last = stream.cached_info().state.last_sequence;
    let after = |position| RelayPosition {
        position,
        sequence: last,
    };
    let mut foreign = 0;
    for sequence in (1..=last).rev() {
        let message = match stream.get_raw_message(sequence).await {
            Ok(message) => message,
            Err(error) if matches!(error.kind(), LastRawMessageErrorKind::NoMessageFound) => {
                return Ok(after(position_of_removed(store, sequence).await?));
            }
            Err(error) => {
                return Err(RelayError::Unreachable(format!(
                    "message {sequence} of the stream cannot be read: {error}"
                )));
            }
        };
        if let Some(position) = position_of(&message) {
            check_message(store, position, &message.headers, stream).await?;
            return Ok(after(position));
        }
        foreign += 1;
        tracing::warn!(
            sequence,
            "the stream holds a message that is not of Photolog"
        );
        if foreign == MOST_FOREIGN {
            return Err(RelayError::Stream(format!(
                "its last {foreign} messages are not of Photolog; give it a stream of its own"
            )));
        }
    }
    Ok(after(0))
}

fn position_of(message: &StreamMessage) -> Option<Position> {
    let text = message.headers.get(POSITION_HEADER)?;
    let position = text.as_str().parse().ok()?;
    (position > 0).then_some(position)
}

/// Checks that our log has the event that the stream holds.
async fn check_message(
    store: &Store,
    position: Position,
    headers: &HeaderMap,
    stream: &Stream,
) -> Result<(), RelayError> {
    let published = headers.get(NATS_MESSAGE_ID);
    let published = published.map_or("", |value| value.as_str());
    let entry = store.read_log(position - 1, 1).await?.into_iter().next();
    match entry {
        Some(entry) if entry.metadata.event_id.to_string() == published => Ok(()),
        Some(_) | None => {
            let name = &stream.cached_info().config.name;
            Err(RelayError::Stream(format!(
                "the last message of {name} is event {published} at position {position}, and this \
                 log has another one there or ends before: the stream belongs to another database, \
                 or the database was restored to an earlier time; remove the stream, so that \
                 every event is published again, or keep it and give another name here and \
                 other subjects by --nats-subject-prefix"
            )))
        }
    }
}

/// The position of a message that was removed, by the operator or by the stream's limits: the number
/// of published events after the bookmark equals the number of messages after its mark.
async fn position_of_removed(store: &Store, sequence: u64) -> Result<Position, StoreError> {
    let Bookmark { mut position, mark } = store.bookmark(FOLLOWER).await?;
    let mut missing = sequence.saturating_sub(mark);
    let mut read = position;
    while missing > 0 {
        let entries = store.read_log(read, BATCH).await?;
        let Some(last) = entries.last() else {
            break;
        };
        read = last.position;
        for event in entries.into_iter().filter_map(CloudEvent::of) {
            position = event.position();
            missing -= 1;
            if missing == 0 {
                break;
            }
        }
    }
    Ok(position)
}

/// The position that the relay is known to have reached.
pub(super) async fn remembered(store: &Store) -> Result<Position, StoreError> {
    Ok(store.bookmark(FOLLOWER).await?.position)
}

/// Stores the position that the stream has reached.
pub(super) async fn remember(store: &Store, place: RelayPosition) -> Result<(), RelayError> {
    let at = Bookmark {
        position: place.position,
        mark: place.sequence,
    };
    Ok(store.set_bookmark(FOLLOWER, at).await?)
}
