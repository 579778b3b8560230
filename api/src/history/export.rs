//! A whole history as a stream: it may go on for hours, so each piece has its turn and its room, and the
//! credentials are looked at again.

use bytes::Bytes;
use futures::{Stream, StreamExt, stream};

use super::walk::{Walk, beginning, line};
use super::{BATCH_BYTES, Filter, Format};
use crate::app::SharedApp;
use crate::auth::access::LongAccess;
use crate::error::ApiError;
use crate::http::answers::Reader;
use crate::http::memory::Holder;

/// An export under way.
pub struct Export {
    app: SharedApp,
    walk: Walk,
    access: LongAccess,
    /// Where the pieces are counted; `None` without a connection.
    reader: Option<Reader>,
}

impl Export {
    /// Of everything that is left of a walk.
    pub fn new(app: SharedApp, walk: Walk, access: LongAccess, reader: Option<Reader>) -> Self {
        Self {
            app,
            walk,
            access,
            reader,
        }
    }

    /// All events that the filter wants, as they are read.
    pub fn pieces(
        self,
        filter: Filter,
        format: Format,
    ) -> impl Stream<Item = Result<Bytes, ApiError>> + Send + 'static {
        let head = beginning(format).map(Bytes::from);
        let rest = stream::try_unfold(self, move |mut export| {
            let filter = filter.clone();
            async move {
                let piece = export.piece(&filter, format).await?;
                Ok(piece.map(|piece| (piece, export)))
            }
        });
        stream::once(async { head }).chain(rest)
    }

    async fn piece(&mut self, filter: &Filter, format: Format) -> Result<Option<Bytes>, ApiError> {
        let period = self.app.limits.feed_check();
        self.access.check_each(&self.app, period).await?;
        let holder = Holder::Account(self.access.account);
        let turn = self.app.reads.turn(holder, BATCH_BYTES).await?;
        let lines = self.walk.next(filter, move |entry| line(format, entry));
        let lines: Vec<_> = lines.await?.into_iter().map(|(_, line)| line).collect();
        if lines.is_empty() {
            return Ok(None);
        }
        let piece = Bytes::from(lines.concat());
        let Some(reader) = &self.reader else {
            return Ok(Some(piece));
        };
        let bytes = piece.len() as u64;
        let room = match reader.room_in_turn(bytes).await {
            Ok(room) => room,
            Err(_) => {
                drop(turn);
                reader.room(bytes).await?
            }
        };
        Ok(Some(room.keep(piece)))
    }
}
