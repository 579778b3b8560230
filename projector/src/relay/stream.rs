//! The JetStream stream: made when missing, checked when there, and read for where to go on.

use async_nats::header::NATS_MESSAGE_ID;
use async_nats::jetstream::Context;
use async_nats::jetstream::context::GetStreamErrorKind;
use async_nats::jetstream::stream::{Config, RetentionPolicy, StorageType, Stream};
use photolog_store::{Position, Store, StoreError};

use super::RelayError;
use crate::settings::RelaySettings;

/// Everything the relay publishes.
const SUBJECTS: &str = "photolog.v1.>";

/// The header that carries an event's place in the log.
pub(super) const POSITION_HEADER: &str = "Photolog-Position";

/// A checkpoint of its own, for the time when the stream's last message has expired.
const CHECKPOINT: &str = "relay";
const CHECKPOINT_VERSION: u32 = 1;

/// Where the relay stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The position of the last event published.
    pub(super) position: Position,
    /// The sequence of the stream's last message.
    pub(super) sequence: u64,
}

/// Opens the stream, and makes it when there is none.
pub(super) async fn open(
    jetstream: &Context,
    settings: &RelaySettings,
) -> Result<Stream, RelayError> {
    let name = &settings.nats_stream;
    match jetstream.get_stream(name).await {
        Ok(stream) => {
            check(&stream.cached_info().config).map_err(RelayError::Stream)?;
            Ok(stream)
        }
        Err(error) if is_missing(&error.kind()) => {
            let config = Config {
                name: name.clone(),
                description: Some("Every event of every image, in order".to_owned()),
                subjects: vec![SUBJECTS.to_owned()],
                storage: StorageType::File,
                num_replicas: settings.nats_replicas,
                deny_delete: true,
                allow_direct: true,
                ..Config::default()
            };
            let made = jetstream.create_stream(config).await;
            made.map_err(|error| RelayError::Stream(format!("{name} cannot be made: {error}")))?;
            let stream = jetstream.get_stream(name).await;
            stream.map_err(|error| RelayError::Stream(format!("{name}: {error}")))
        }
        Err(error) => Err(RelayError::Unreachable(format!(
            "JetStream does not answer: {error}"
        ))),
    }
}

fn is_missing(kind: &GetStreamErrorKind) -> bool {
    const STREAM_NOT_FOUND: u64 = 10_059;
    matches!(kind, GetStreamErrorKind::JetStream(error)
        if error.error_code().0 == STREAM_NOT_FOUND)
}

/// An operator may have made the stream, with limits and placement as it pleases; but it must take
/// our subjects and keep what it took.
fn check(config: &Config) -> Result<(), String> {
    let Config {
        name,
        subjects,
        storage,
        retention,
        ..
    } = config;
    if subjects.as_slice() != [SUBJECTS] {
        return Err(format!(
            "{name} exists with subjects {subjects:?} instead of {SUBJECTS:?}"
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
    Ok(())
}

/// Where to go on: after the stream's last message.
pub(super) async fn resume(stream: &Stream, store: &Store) -> Result<Place, RelayError> {
    let sequence = stream.cached_info().state.last_sequence;
    if sequence == 0 {
        return Ok(Place {
            position: 0,
            sequence,
        });
    }
    let Ok(last) = stream.get_raw_message(sequence).await else {
        // Expired by the operator's limits.
        let position = remembered(store).await?;
        return Ok(Place { position, sequence });
    };
    let header = |name: &str| {
        last.headers
            .get(name)
            .map(|value| value.as_str().to_owned())
    };
    let position: Option<Position> = header(POSITION_HEADER).and_then(|text| text.parse().ok());
    let Some(position) = position.filter(|position| *position > 0) else {
        return Err(RelayError::Stream(format!(
            "message {sequence} was not published by Photolog; give it a stream of its own"
        )));
    };
    let published = last
        .headers
        .get(NATS_MESSAGE_ID)
        .map_or("", |value| value.as_str());
    let entry = store.read_log(position - 1, 1).await?.into_iter().next();
    match entry {
        Some(entry) if entry.metadata.event_id.to_string() == published => {
            Ok(Place { position, sequence })
        }
        Some(_) | None => Err(RelayError::Stream(format!(
            "its last message is event {published} at position {position}, and this log has \
             another one there or ends before: the stream belongs to another database, or the \
             database was restored to an earlier time; name another stream"
        ))),
    }
}

/// What [`remember`] has noted last.
pub(super) async fn remembered(store: &Store) -> Result<Position, StoreError> {
    store.checkpoint(CHECKPOINT, CHECKPOINT_VERSION).await
}

/// Notes how far the stream has come.
pub(super) async fn remember(store: &Store, position: Position) -> Result<(), RelayError> {
    Ok(store
        .set_checkpoint(CHECKPOINT, CHECKPOINT_VERSION, position)
        .await?)
}
