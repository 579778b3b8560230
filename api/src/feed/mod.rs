//! The account feed: every event of an account's images in the log's order, page by page or live.
//!
//! | file | what it holds |
//! | --- | --- |
//! | this one | the endpoint: pages of JSON, or server-sent events |
//! | [`live`] | one reader of the log for all listeners of this process |
//! | `listener` | one listener: catches up from the log, then hears what is new |
//!
//! Both forms carry [`CloudEvent`]s, as JetStream does; see `docs/events.md`.

mod listener;
pub mod live;

use std::time::Duration;

use futures::TryStreamExt;
use http::StatusCode;
use photolog_domain::{ImageEvent, ImageId};
use photolog_projector::CloudEvent;
use photolog_store::Position;
use serde::Serialize;
use sync_wrapper::SyncStream;
use warp::Reply;

use crate::app::SharedApp;
use crate::error::ApiError;
use crate::http::response::json;
use crate::http::{Request, Response};

const DEFAULT_LIMIT: u64 = 100;
const MAX_LIMIT: u64 = 1_000;

/// Entries of the log read at once.
const BATCH: u32 = 500;

/// Most batches looked through for one page: beyond, the page ends early and says where to go on.
const BATCHES_OF_A_PAGE: usize = 10;

/// A word from time to time, so that proxies and clients see that the connection lives.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// `GET /accounts/{account}/events`: oldest first.
///
/// `image` and `type` (repeatable) filter. As JSON, `cursor` and `limit` page. With
/// `Accept: text/event-stream` it is live; `Last-Event-ID` (or `cursor`) resumes after a position,
/// without one it begins with what happens next.
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
    let account = request.caller()?.account;
    let events = listener::events(app, account, filter, after).await?;
    let events = warp::sse::keep_alive().interval(HEARTBEAT).stream(events);
    Ok(warp::sse::reply(SyncStream::new(events.into_stream())).into_response())
}

#[derive(Serialize)]
struct Page {
    events: Vec<CloudEvent>,
    /// Where to go on; absent at the end of the log.
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
    let mut events = Vec::new();
    let mut next = None;
    for batch in 1.. {
        let entries = app.store.read_log_of(account, after, BATCH).await?;
        let Some(last) = entries.last() else {
            break;
        };
        let end = last.position;
        for event in entries.into_iter().filter_map(CloudEvent::of) {
            if events.len() < limit && filter.wants(&event) {
                after = event.position();
                events.push(event);
            }
        }
        if events.len() == limit || batch == BATCHES_OF_A_PAGE {
            let reached = if events.len() == limit { after } else { end };
            let more = app.store.read_log_of(account, reached, 1).await?;
            next = more.first().map(|_| reached.to_string());
            break;
        }
        after = end;
    }
    Ok(json(StatusCode::OK, &Page { events, next }))
}

fn cursor(request: &Request) -> Result<Option<Position>, ApiError> {
    let cursor = request.query.get("cursor").map(str::parse).transpose();
    cursor.map_err(|_| not_a_position("cursor"))
}

fn not_a_position(name: &str) -> ApiError {
    ApiError::malformed(format!("{name} must be a position of the log"))
}

/// What the client wants to see.
#[derive(Clone, Debug)]
struct Filter {
    image: Option<String>,
    types: Vec<String>,
}

impl Filter {
    fn read(request: &Request) -> Result<Self, ApiError> {
        let image = request.query.get("image").map(str::parse::<ImageId>);
        let image = image
            .transpose()
            .map_err(|_| ApiError::malformed("image must be the id of an image"))?;
        let types: Vec<_> = request
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
            && (self.types.is_empty() || self.types.iter().any(|name| name == event.event_type()))
    }
}
