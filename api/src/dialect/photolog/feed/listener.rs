//! One listener: catches up from the log, then receives new events.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;

use futures::{FutureExt, Stream, stream};
use photolog_projector::CloudEvent;
use photolog_store::Position;
use photolog_telemetry::metric;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Interval, MissedTickBehavior, interval};
use warp::sse::Event;

use super::{BATCH_BYTES, Filter};
use crate::app::SharedApp;
use crate::auth::access::LongAccess;
use crate::error::ApiError;
use crate::http::memory::Holder;
use crate::live_feed::events::{BATCH, to_events};

/// The maximum read-ahead for one listener: this many bytes, exceeded by at most one event.
const KEPT_BYTES: usize = 256 << 10;

struct Listener {
    app: SharedApp,
    access: LongAccess,
    filter: Filter,
    /// The position of the last event that was considered.
    after: Position,
    /// Events read from the log but not sent yet.
    caught_up: VecDeque<Arc<CloudEvent>>,
    /// Whether the log may contain events that were not received live.
    behind: bool,
    live: Receiver<Arc<CloudEvent>>,
    checks: Interval,
}

/// The events after `after`, or from now on, until the credentials are no longer valid.
pub(super) async fn events(
    app: SharedApp,
    access: LongAccess,
    filter: Filter,
    after: Option<Position>,
) -> Result<impl Stream<Item = Result<Event, Infallible>> + Send + 'static, ApiError> {
    // Live events are received from here on. Older events are read from the log, and those in both
    // are sent once.
    let live = app.live_feed.listen(access.account);
    let mut checks = interval(app.limits.feed_check());
    checks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    checks.reset();
    let listener = Listener {
        after: match after {
            Some(after) => after,
            None => app.store.log_head().await?,
        },
        app,
        access,
        filter,
        caught_up: VecDeque::new(),
        behind: after.is_some(),
        live,
        checks,
    };
    let open = OpenFeed::new();
    Ok(stream::unfold(
        (listener, open),
        |(mut listener, open)| async {
            let event = listener.next().await?;
            Some((Ok(event), (listener, open)))
        },
    ))
}

/// Counts a feed for as long as it is open.
struct OpenFeed(metrics::Gauge);

impl OpenFeed {
    fn new() -> Self {
        let gauge = metrics::gauge!(metric::FEEDS);
        gauge.increment(1);
        Self(gauge)
    }
}

impl Drop for OpenFeed {
    fn drop(&mut self) {
        self.0.decrement(1);
    }
}

impl Listener {
    /// The next event that matches the filter, or a comment that keeps the feed alive; `None` when
    /// the feed ends and the client has to reconnect.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if self.access.has_ended() {
                return None;
            }
            if self.checks.tick().now_or_never().is_some() {
                return self.check().await;
            }
            let event = match self.caught_up.pop_front() {
                Some(event) => event,
                None if self.behind => {
                    self.catch_up().await?;
                    continue;
                }
                None => tokio::select! {
                    biased;
                    () = self.access.end() => return None,
                    _ = self.checks.tick() => return self.check().await,
                    event = self.live.recv() => match event {
                        Ok(event) => event,
                        Err(RecvError::Lagged(_)) => {
                            self.behind = true;
                            continue;
                        }
                        Err(RecvError::Closed) => return None,
                    },
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

    /// Ends the feed if its key or token was revoked or lost the scope.
    async fn check(&mut self) -> Option<Event> {
        let holds = self.access.check(&self.app.auth).await;
        holds
            .inspect_err(|error| tracing::debug!(%error, "a feed ends"))
            .ok()?;
        Some(Event::default().comment(""))
    }

    /// Reads the next events up to the read-ahead limit; those beyond it are read again later.
    async fn catch_up(&mut self) -> Option<()> {
        let events = self
            .read()
            .await
            .inspect_err(|error| tracing::warn!(%error, "a feed ends"))
            .ok()?;
        let mut bytes = 0;
        let fitting = events.into_iter().take_while(|event| {
            let fits = bytes < KEPT_BYTES;
            bytes += event.size_bytes();
            fits
        });
        self.caught_up = fitting.map(Arc::new).collect();
        Some(())
    }

    /// The account's next events; if the next entries contain none, skips past them.
    async fn read(&mut self) -> Result<Vec<CloudEvent>, ApiError> {
        let account = self.access.account;
        let holder = Holder::Account(account);
        let _turn = self.app.reads.turn(holder, BATCH_BYTES).await?;
        let entries = self
            .app
            .store
            .read_log_of(account, self.after, BATCH)
            .await?;
        self.behind = !entries.is_empty();
        let end = entries.last().map(|last| last.position);
        let events = to_events(&self.app.store, account, entries).await?;
        if events.is_empty() {
            self.after = end.unwrap_or(self.after);
        }
        Ok(events)
    }
}

/// The event's `id` is its position, so that a browser resumes automatically.
fn to_wire(event: &CloudEvent) -> Option<Event> {
    Event::default()
        .id(event.position().to_string())
        .event(event.event_type())
        .json_data(event)
        .inspect_err(|error| tracing::error!(%error, "an event cannot be written"))
        .ok()
}
