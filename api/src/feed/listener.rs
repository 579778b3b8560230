//! One listener: catches up from the log, then hears what is new.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;

use futures::{Stream, stream};
use photolog_domain::AccountId;
use photolog_projector::CloudEvent;
use photolog_store::Position;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use warp::sse::Event;

use super::{BATCH, Filter};
use crate::app::SharedApp;
use crate::error::ApiError;

struct Listener {
    app: SharedApp,
    account: AccountId,
    filter: Filter,
    /// The position of the last event that was looked at.
    after: Position,
    /// Read from the log and not sent yet.
    caught_up: VecDeque<Arc<CloudEvent>>,
    /// Whether the log may hold what was not heard.
    behind: bool,
    live: Receiver<Arc<CloudEvent>>,
}

/// The events after `after`, or from now on, for ever.
pub(super) async fn events(
    app: SharedApp,
    account: AccountId,
    filter: Filter,
    after: Option<Position>,
) -> Result<impl Stream<Item = Result<Event, Infallible>> + Send + 'static, ApiError> {
    // Heard from here on; what is older is read from the log, and what is both is sent once.
    let live = app.live_feed.listen(account);
    let listener = Listener {
        after: match after {
            Some(after) => after,
            None => app.store.log_head().await?,
        },
        app,
        account,
        filter,
        caught_up: VecDeque::new(),
        behind: after.is_some(),
        live,
    };
    Ok(stream::unfold(listener, |mut listener| async {
        let event = listener.next().await?;
        Some((Ok(event), listener))
    }))
}

impl Listener {
    /// The next event that is wanted; `None` when the feed ends, and the client connects again.
    async fn next(&mut self) -> Option<Event> {
        loop {
            let event = match self.caught_up.pop_front() {
                Some(event) => event,
                None if self.behind => {
                    self.catch_up().await?;
                    continue;
                }
                None => match self.live.recv().await {
                    Ok(event) => event,
                    Err(RecvError::Lagged(_)) => {
                        self.behind = true;
                        continue;
                    }
                    Err(RecvError::Closed) => return None,
                },
            };
            if event.position() <= self.after {
                continue;
            }
            self.after = event.position();
            if self.filter.wants(&event) {
                return to_wire(&event);
            }
        }
    }

    async fn catch_up(&mut self) -> Option<()> {
        let read = self
            .app
            .store
            .read_log_of(self.account, self.after, BATCH)
            .await;
        let entries = read
            .inspect_err(|error| tracing::warn!(%error, "a feed ends"))
            .ok()?;
        self.behind = !entries.is_empty();
        let end = entries.last().map(|last| last.position);
        self.caught_up = entries
            .into_iter()
            .filter_map(CloudEvent::of)
            .map(Arc::new)
            .collect();
        if self.caught_up.is_empty() {
            self.after = end.unwrap_or(self.after);
        }
        Some(())
    }
}

/// `id` is the position, so that a browser resumes by itself.
fn to_wire(event: &CloudEvent) -> Option<Event> {
    Event::default()
        .id(event.position().to_string())
        .event(event.event_type())
        .json_data(event)
        .inspect_err(|error| tracing::error!(%error, "an event cannot be written"))
        .ok()
}
