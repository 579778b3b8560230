//! A whole history as a stream. It may run for hours, so each batch waits for its own read permit
//! and memory, and the credentials are checked again from time to time.

use bytes::Bytes;
use futures::{Stream, StreamExt, TryStreamExt, stream};

use super::filter::{Filter, Format};
use super::walk::{Walk, beginning, line};
use crate::app::SharedApp;
use crate::auth::access::LongAccess;
use crate::error::ApiError;
use crate::http::answers::{PIECE_BYTES, Reader};
use crate::http::memory::Holder;
use crate::past_image::BATCH_BYTES;

/// An export in progress.
pub struct Export {
    app: SharedApp,
    walk: Walk,
    access: LongAccess,
    /// Counts the bytes that are sent; `None` without a connection.
    reader: Option<Reader>,
}

impl Export {
    /// An export of the remaining events of a walk.
    pub fn new(app: SharedApp, walk: Walk, access: LongAccess, reader: Option<Reader>) -> Self {
        Self {
            app,
            walk,
            access,
            reader,
        }
    }

    /// All events that match the filter, as they are read.
    pub fn pieces(
        self,
        filter: Filter,
        format: Format,
    ) -> impl Stream<Item = Result<Bytes, ApiError>> + Send + 'static {
        let head = beginning(format).map(Bytes::from);
        let rest = stream::try_unfold(self, move |mut export| {
            let filter = filter.clone();
            async move {
                let pieces = export.some(&filter, format).await?;
                let some = (!pieces.is_empty()).then(|| stream::iter(pieces).map(Ok));
                Ok::<_, ApiError>(some.map(|pieces| (pieces, export)))
            }
        });
        let rest = rest.try_flatten();
        stream::once(async { head }).chain(rest)
    }

    /// The next pieces; empty at the end.
    async fn some(&mut self, filter: &Filter, format: Format) -> Result<Vec<Bytes>, ApiError> {
        let period = self.app.limits.feed_check();
        self.access.check_each(&self.app.auth, period).await?;
        let holder = Holder::Account(self.access.account);
        let turn = self.app.reads.turn(holder, BATCH_BYTES).await?;
        let lines = self.walk.next(filter, move |entry| line(format, entry));
        let pieces = joined(lines.await?.into_iter().map(|(_, line)| line));
        let Some(reader) = &self.reader else {
            return Ok(pieces);
        };
        let bytes = pieces.iter().map(|piece| piece.len() as u64).sum();
        let room = match reader.room_in_turn(bytes).await {
            Ok(room) => room,
            Err(_) => {
                drop(turn);
                reader.room(bytes).await?
            }
        };
        Ok(room.keep(pieces))
    }
}

/// Joins lines into pieces worth sending: small lines together, large ones as they are, because an
/// async thread should not copy megabytes.
fn joined(lines: impl Iterator<Item = Vec<u8>>) -> Vec<Bytes> {
    let mut pieces: Vec<Vec<u8>> = Vec::new();
    for line in lines {
        match pieces.last_mut() {
            Some(last) if last.len() + line.len() <= PIECE_BYTES => last.extend_from_slice(&line),
            _ => pieces.push(line),
        }
    }
    pieces.into_iter().map(Bytes::from).collect()
}
