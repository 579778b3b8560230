//! The account feed: every event of an account's images in log order, page by page or live.
//!
//! | file | what it holds |
//! | --- | --- |
//! | this one | the endpoint: pages of JSON, or server-sent events |
//! | `listener` | one listener: catches up from the log, then receives new events |
//!
//! Both forms carry [`CloudEvent`]s, as JetStream does; see `docs/events.md`.

mod listener;

use crate::app::SharedApp;
use crate::auth::access::LongAccess;
use crate::error::ApiError;
use crate::http::compute::compute;
use crate::http::memory::Holder;
use crate::http::response::json;
use crate::http::{Request, Response};
use crate::limits::PAGE_BYTES;
use crate::live_feed::events::{BATCH, to_events};
use futures::TryStreamExt;
use http::StatusCode;
use photolog_domain::{ImageEvent, ImageId};
use photolog_projector::CloudEvent;
use photolog_store::Position;
use serde::Serialize;
use serde_json::value::RawValue;
use std::collections::BTreeSet;
use sync_wrapper::SyncStream;
use warp::Reply;

const DEFAULT_LIMIT: u64 = 100;

const MAX_LIMIT: u64 = 1_000;

/// The memory that a batch takes as rows and values.
const BATCH_BYTES: u64 = 2 * BATCH as u64 * (100 << 10);

/// The maximum number of batches scanned for one page; after that the page ends early with a
/// cursor.
const BATCHES_OF_A_PAGE: usize = 50;

/// `GET /accounts/{account}/events`: oldest first.
/// `image` and `type` (repeatable) filter. As JSON, `cursor` and `limit` paginate. With
/// `Accept: text/event-stream` the response is live: `Last-Event-ID` (or `cursor`) resumes after a
/// position, and without either it starts with the next new event. From time to time the feed
/// checks that its credentials are still valid, and sends a comment.
/// credentials are still valid, and sends a comment.
pub async fn show(app: SharedApp, request: Request) -> Result<Response, ApiError> {
    let filter = Filter::read(&request)?;
    let accept = request.header("accept").unwrap_or_default();
    if accept.contains("text/event-stream") {
        live_feed(app, &request, filter).await
    } else {
        page(app, &request, &filter).await
    }
}

async fn live_feed(
    app: SharedApp,
    request: &Request,
    filter: Filter,
) -> Result<Response, ApiError> {
    let after = match request.header("last-event-id") {
        Some(id) => Some(id.parse().map_err(|_| not_a_position("Last-Event-ID"))?),
        None => cursor(request)?,
    };
    let access = LongAccess::of(&app.places, request)?;
    let events = listener::events(app, access, filter, after).await?;
    Ok(warp::sse::reply(SyncStream::new(events.into_stream())).into_response())
}

#[derive(Serialize)]
struct Page {
    events: Vec<Box<RawValue>>,
    /// The cursor of the next page; absent at the end of the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

async fn page(app: SharedApp, request: &Request, filter: &Filter) -> Result<Response, ApiError> {
    let account = request.caller()?.account;
    let limit = match request.query.number("limit", DEFAULT_LIMIT)? {
        0 => return Err(ApiError::malformed("limit must be at least 1")),
        limit => limit.min(MAX_LIMIT) as usize,
    };
    let mut after = cursor(request)?.unwrap_or(0);
    let holder = Holder::Account(account);
    let _turn = app.reads.turn(holder, BATCH_BYTES).await?;
    let mut events = Vec::new();
    let mut bytes = 0;
    let mut next = None;
    'batches: for batch in 1.. {
        let entries = app.store.read_log_of(account, after, BATCH).await?;
        let Some(last) = entries.last() else {
            break;
        };
        let end = last.position;
        let read = to_events(&app.store, account, entries).await?;
        for (position, text) in written(read, filter.clone()).await? {
            if !events.is_empty() && bytes + text.get().len() > PAGE_BYTES {
                next = Some(after.to_string());
                break 'batches;
            }
            bytes += text.get().len();
            after = position;
            events.push(text);
            if events.len() == limit {
                break;
            }
        }
        let is_full = events.len() == limit;
        if is_full || batch == BATCHES_OF_A_PAGE {
            let reached = if is_full { after } else { end };
            let more = app.store.read_log_of(account, reached, 1).await?;
            next = more.first().map(|_| reached.to_string());
            break;
        }
        after = end;
    }
    request
        .count(json(StatusCode::OK, &Page { events, next }))
        .await
}

/// The events that match the filter in wire format, with their positions.
async fn written(
    events: Vec<CloudEvent>,
    filter: Filter,
) -> Result<Vec<(Position, Box<RawValue>)>, ApiError> {
    let write = move || {
        events
            .into_iter()
            .filter(|event| filter.wants(event))
            .map(|event| Ok((event.position(), serde_json::value::to_raw_value(&event)?)))
            .collect::<Result<_, serde_json::Error>>()
    };
    compute(write).await?.map_err(ApiError::internal)
}

fn cursor(request: &Request) -> Result<Option<Position>, ApiError> {
    let cursor = request.query.get("cursor").map(str::parse).transpose();
    cursor.map_err(|_| not_a_position("cursor"))
}

fn not_a_position(name: &str) -> ApiError {
    ApiError::malformed(format!("{name} must be a position of the log"))
}

/// The client's selection of events.
#[derive(Clone, Debug)]
struct Filter {
    image: Option<String>,
    types: BTreeSet<String>,
}

impl Filter {
    fn read(request: &Request) -> Result<Self, ApiError> {
        let image = request.query.get("image").map(str::parse::<ImageId>);
        let image = image
            .transpose()
            .map_err(|_| ApiError::malformed("image must be the id of an image"))?;
        let types: BTreeSet<_> = request
            .query
            .all("type")
            .flat_map(|names| names.split(','))
            .map(str::to_owned)
            .collect();
        if types
            .iter()
            .any(|name| !ImageEvent::TYPES.contains(&name.as_str()))
        {
            let known = ImageEvent::TYPES.join(", ");
            return Err(ApiError::malformed(format!("type must be one of {known}")));
        }
        Ok(Self {
            image: image.map(|image| image.to_string()),
            types,
        })
    }

    fn wants(&self, event: &CloudEvent) -> bool {
        self.image
            .as_ref()
            .is_none_or(|image| image == event.image())
            && (self.types.is_empty() || self.types.contains(event.event_type()))
    }
}
