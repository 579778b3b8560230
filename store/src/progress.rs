//! Waits within this process: projections wait for the log to grow, requests for the image view to
//! show what they wrote.
//!
//! This holds only wake-ups. The truth is in the database, and a waiter also polls it from time to
//! time, because another process may have written.

use crate::chain::Position;
use photolog_domain::ImageId;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// How long a log reader sleeps when this process writes nothing.
const POLL: Duration = Duration::from_millis(500);

/// The newest log position known to this process.
#[derive(Debug, Default)]
pub(crate) struct Head(watch::Sender<Position>);

impl Head {
    /// Reports that the log reaches this position.
    pub(crate) fn reached(&self, position: Position) {
        self.0.send_if_modified(|head| {
            let grew = position > *head;
            *head = position.max(*head);
            grew
        });
    }

    /// The newest known position.
    pub(crate) fn known(&self) -> Position {
        *self.0.borrow()
    }

    /// Returns once the log is known to reach beyond `after`, or after a short while.
    pub(crate) async fn grew(&self, after: Position) {
        let mut head = self.0.subscribe();
        // An elapsed timeout and a closed channel mean the same: read the log.
        let _ = tokio::time::timeout(POLL, head.wait_for(|head| *head > after)).await;
    }
}

/// Maximum number of images in one generation of those shown last; there are two generations.
const SHOWN_LAST: usize = 1_000;

/// Requests that wait for the image view: one channel per awaited image, so that a projection wakes
/// exactly the requests it served, however many others wait.
#[derive(Debug, Default)]
pub(crate) struct Visibility {
    waiting: Mutex<Waiting>,
    generation: AtomicU64,
}

#[derive(Debug, Default)]
struct Waiting {
    channels: HashMap<ImageId, watch::Sender<u64>>,
    /// For a request that begins to wait a moment too late and would otherwise query the table.
    shown_last: [HashMap<ImageId, u64>; 2],
}

/// A wait for one image; ends on drop.
#[derive(Debug)]
pub(crate) struct Watch<'a> {
    visibility: &'a Visibility,
    image: ImageId,
    sequence: Option<watch::Receiver<u64>>,
}

impl Visibility {
    /// Subscribes to an image.
    pub(crate) fn watch(&self, image: ImageId) -> Watch<'_> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let known = waiting.shown(image);
        let channel = waiting.channels.entry(image);
        let sequence = Some(
            channel
                .or_insert_with(|| watch::Sender::new(known))
                .subscribe(),
        );
        Watch {
            visibility: self,
            image,
            sequence,
        }
    }

    /// A number that changes whenever the image view does.
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Reports a change of the image view: anything read before may be stale.
    pub(crate) fn changed(&self) {
        self.generation.fetch_add(1, Ordering::Release);
    }

    /// Reports that the view shows these images as of these sequences.
    pub(crate) fn show(&self, images: impl Iterator<Item = (ImageId, u64)>) {
        self.changed();
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        for (image, sequence) in images {
            waiting.remember(image, sequence);
            if let Some(waiters) = waiting.channels.get(&image) {
                waiters.send_if_modified(|shown| {
                    let grew = sequence > *shown;
                    *shown = sequence.max(*shown);
                    grew
                });
            }
        }
    }
}

impl Waiting {
    fn shown(&self, image: ImageId) -> u64 {
        let known = self.shown_last.iter().filter_map(|some| some.get(&image));
        known.max().copied().unwrap_or(0)
    }

    fn remember(&mut self, image: ImageId, sequence: u64) {
        let [young, old] = &mut self.shown_last;
        if young.len() >= SHOWN_LAST {
            *old = std::mem::take(young);
        }
        let known = young.entry(image).or_default();
        *known = sequence.max(*known);
    }
}

impl Watch<'_> {
    /// Returns once the image is shown as of `sequence`.
    pub(crate) async fn reaches(&mut self, sequence: u64) {
        if let Some(shown) = &mut self.sequence
            && shown.wait_for(|shown| *shown >= sequence).await.is_err()
        {
            // The channel lives as long as a receiver does, so this cannot happen; if it ever did,
            // sleeping until the caller's timeout is right.
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        let mut waiting = self
            .visibility
            .waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        self.sequence = None;
        if waiting
            .channels
            .get(&self.image)
            .is_some_and(|shown| shown.receiver_count() == 0)
        {
            waiting.channels.remove(&self.image);
        }
    }
}
