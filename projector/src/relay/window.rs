//! Publishes in the log's order, with many acknowledgements outstanding: the order holds because one
//! connection carries all messages and each names the sequence that it must follow.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::{Duration, Instant};

use async_nats::jetstream::Context;
use async_nats::jetstream::context::PublishAckFuture;
use async_nats::jetstream::message::PublishMessage;
use photolog_store::{LogEntry, Store};

use super::RelayError;
use super::stream::{POSITION_HEADER, RelayPosition, remember};
use crate::cloud_event::{CloudEvent, MEDIA_TYPE};

/// Maximum number of unacknowledged messages; further ones are held back.
pub(super) const SIZE: usize = 1_000;

/// Entries per read: two batches fit into a processor's cache.
const BATCH: u32 = 250;

/// Initial buffer size for a message, in bytes; most are smaller.
const PAYLOAD: usize = 2_048;

/// How often the bookmark is written, which other processes only read.
const REMEMBER_EVERY: Duration = Duration::from_secs(1);

/// Unacknowledged messages, oldest first.
type Outstanding = VecDeque<(RelayPosition, PublishAckFuture)>;

/// Publishes all log entries after `place`, forever.
pub(super) async fn publish(
    store: &Store,
    jetstream: &Context,
    prefix: &str,
    mut place: RelayPosition,
    relayed: &mut RelayPosition,
) -> Result<Infallible, RelayError> {
    let mut outstanding = Outstanding::new();
    let mut remembered = (Instant::now(), place.position);
    // The position read so far; ahead of `place` by entries that are not published.
    let mut read = place.position;
    let mut entries = store.read_log(read, BATCH).await?;
    loop {
        let at_the_end = entries.len() < BATCH as usize;
        read = entries.last().map_or(read, |last| last.position);
        let sending = async {
            for entry in entries {
                if outstanding.len() >= SIZE {
                    acknowledge(&mut outstanding, relayed).await?;
                }
                if let Some(sent) = send(jetstream, prefix, entry, place).await? {
                    place = sent.0;
                    outstanding.push_back(sent);
                }
            }
            Ok(())
        };
        // With a backlog, the next batch is read while this one is sent.
        let reading = async {
            match at_the_end {
                true => Ok(Vec::new()),
                false => store.read_log(read, BATCH).await.map_err(RelayError::from),
            }
        };
        ((), entries) = tokio::try_join!(sending, reading)?;
        if at_the_end {
            while acknowledge(&mut outstanding, relayed).await? {}
        }
        if relayed.position > remembered.1 && remembered.0.elapsed() > REMEMBER_EVERY {
            remember(store, *relayed).await?;
            remembered = (Instant::now(), relayed.position);
        }
        if at_the_end {
            store.log_grew(read).await;
            entries = store.read_log(read, BATCH).await?;
        }
    }
}

/// Sends an entry as the message after `place`; `None` when it is not published.
async fn send(
    jetstream: &Context,
    prefix: &str,
    entry: LogEntry,
    place: RelayPosition,
) -> Result<Option<(RelayPosition, PublishAckFuture)>, RelayError> {
    let Some(event) = CloudEvent::of(entry) else {
        return Ok(None);
    };
    let mut payload = Vec::with_capacity(PAYLOAD);
    serde_json::to_writer(&mut payload, &event)
        .map_err(|error| RelayError::Refused(error.to_string()))?;
    let position = event.position();
    let message = PublishMessage::build()
        .message_id(event.id.to_string())
        .expected_last_sequence(place.sequence)
        .header("Content-Type", MEDIA_TYPE)
        .header(POSITION_HEADER, position.to_string())
        .payload(payload.into());
    let acknowledgement = jetstream
        .send_publish(event.nats_subject(prefix), message)
        .await
        .map_err(|error| RelayError::Refused(error.to_string()))?;
    let place = RelayPosition {
        position,
        sequence: place.sequence + 1,
    };
    Ok(Some((place, acknowledgement)))
}

/// Waits for the oldest acknowledgement; `false` when none is outstanding.
async fn acknowledge(
    outstanding: &mut Outstanding,
    relayed: &mut RelayPosition,
) -> Result<bool, RelayError> {
    let Some((place, acknowledgement)) = outstanding.pop_front() else {
        return Ok(false);
    };
    let ack = acknowledgement
        .await
        .map_err(|error| RelayError::Refused(error.to_string()))?;
    if ack.sequence != place.sequence {
        return Err(RelayError::Refused(format!(
            "position {} became message {} instead of {}",
            place.position, ack.sequence, place.sequence
        )));
    }
    *relayed = place;
    Ok(true)
}
