//! Reads a stream of events in batches, because a stream may be larger than memory.

use std::collections::VecDeque;
use std::mem;

use photolog_domain::{AccountId, Image, ImageEvent, ImageId};
use photolog_store::{Recorded, Store};

use super::entry::{HistoryEntry, csv_head, csv_row, entries, json_line};
use super::filter::{Filter, Format};
use crate::error::ApiError;
use crate::http::compute::compute;
use crate::limits::PAGE_BYTES;
use crate::past_image::{BATCH, first_events};

/// A stream of events, and how far it has been read.
pub struct Walk {
    store: Store,
    account: AccountId,
    image: ImageId,
    /// The image before the events of `batch`.
    state: Image,
    batch: Vec<Recorded<ImageEvent>>,
    /// The sequence of the last event that was read.
    reached: u64,
}

/// A page of the history.
pub struct Page {
    /// The events in the requested format.
    pub text: Vec<u8>,
    /// The cursor of the next page, if there is one.
    pub next: Option<u64>,
}

impl Walk {
    /// Starts before the first event of an image of this account.
    ///
    /// # Errors
    /// `NotFound` when the image does not exist or belongs to another account.
    pub async fn begin(
        store: &Store,
        account: AccountId,
        image: ImageId,
    ) -> Result<Self, ApiError> {
        let batch = first_events(store, account, image).await?;
        Ok(Self {
            store: store.clone(),
            account,
            image,
            state: Image::default(),
            reached: batch.last().map_or(0, |last| last.sequence),
            batch,
        })
    }

    async fn read(&mut self) -> Result<(), ApiError> {
        let image = self.image;
        self.batch = self.store.image_events(image, self.reached, BATCH).await?;
        if let Some(last) = self.batch.last() {
            self.reached = last.sequence;
        }
        Ok(())
    }

    /// The next events that match the filter, as written by `write`; empty at the end of the
    /// stream.
    pub(super) async fn next<T: Send + 'static>(
        &mut self,
        filter: &Filter,
        write: impl Fn(&HistoryEntry) -> Result<T, ApiError> + Copy + Send + 'static,
    ) -> Result<Vec<(u64, T)>, ApiError> {
        while !self.batch.is_empty() {
            let actors = self.batch.iter().map(|event| event.metadata.actor.as_str());
            let names = self.store.actor_names(self.account, actors).await?;
            let (state, batch) = (mem::take(&mut self.state), mem::take(&mut self.batch));
            let filter = filter.clone();
            let written = compute(move || {
                let mut state = state;
                let written = entries(&mut state, batch, &names)
                    .filter(|entry| filter.wants(entry))
                    .map(|entry| Ok((entry.sequence, write(&entry)?)))
                    .collect::<Result<Vec<_>, ApiError>>();
                (state, written)
            });
            let (state, written) = written.await?;
            self.state = state;
            self.read().await?;
            let written = written?;
            if !written.is_empty() {
                return Ok(written);
            }
        }
        Ok(Vec::new())
    }

    /// At most `limit` events that match the filter.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn page(
        &mut self,
        filter: &Filter,
        format: Format,
        limit: u64,
    ) -> Result<Page, ApiError> {
        let mut text = beginning(format)?;
        let mut last = None;
        let mut count = 0;
        let mut has_more = false;
        let mut written = VecDeque::new();
        loop {
            let Some((sequence, line)) = written.pop_front() else {
                written = self
                    .next(filter, move |entry| line(format, entry))
                    .await?
                    .into();
                if written.is_empty() {
                    break;
                }
                continue;
            };
            if count == limit || (count > 0 && text.len() + line.len() > PAGE_BYTES) {
                has_more = true;
                break;
            }
            if format == Format::Json && count > 0 {
                text.push(b',');
            }
            text.extend_from_slice(&line);
            last = Some(sequence);
            count += 1;
        }
        let next = last.filter(|_| has_more);
        if format == Format::Json {
            let cursor = next.map(|next| format!(",\"next\":\"{next}\""));
            text.extend_from_slice(format!("]{}}}", cursor.unwrap_or_default()).as_bytes());
        }
        Ok(Page { text, next })
    }
}

/// The text before the first event.
pub(super) fn beginning(format: Format) -> Result<Vec<u8>, ApiError> {
    match format {
        Format::Json => Ok(b"{\"events\":[".to_vec()),
        Format::Ndjson => Ok(Vec::new()),
        Format::Csv => csv_head(),
    }
}

/// One event in the given format.
pub(super) fn line(format: Format, entry: &HistoryEntry) -> Result<Vec<u8>, ApiError> {
    match format {
        Format::Json => serde_json::to_vec(entry).map_err(ApiError::internal),
        Format::Ndjson => json_line(entry),
        Format::Csv => csv_row(entry),
    }
}
