//! The audit: who changed what, when and why, with what stood there before and after.
//!
//! | file | what it holds |
//! | --- | --- |
//! | this one | the endpoint: filters, pages, formats |
//! | [`entry`] | one event with its before and after |
//!
//! Strong: folded from the image's own stream.

pub mod entry;

use cqrs_es::Aggregate;
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, LINK};
use photolog_domain::{Image, ImageError, ImageEvent, ImageId, ImageState, Timestamp};
use photolog_store::Recorded;
use serde::Serialize;

use crate::app::{App, SharedApp};
use crate::error::ApiError;
use crate::http::response::{json, set, with_body};
use crate::http::{Request, Response};
use entry::Entry;

const DEFAULT_LIMIT: u64 = 100;
const MAX_LIMIT: u64 = 1_000;

#[derive(Serialize)]
struct Page<'a> {
    events: &'a [Entry],
    /// Where to go on; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// `GET /accounts/{account}/images/{image}/history`: oldest first.
///
/// `type` (repeatable), `from` and `to` filter; `limit` and `cursor` page; `format` or `Accept`
/// chooses JSON, NDJSON or CSV. The exports hold everything that fits the filters, unless a
/// `limit` is given.
pub async fn show(app: SharedApp, request: Request) -> Result<Response, ApiError> {
    let filter = Filter::read(&request)?;
    let format = Format::of(&request)?;
    let image: ImageId = request.id_of("image")?;
    let events = own_events(&app, &request, image).await?;
    let default_limit = match format {
        Format::Json => DEFAULT_LIMIT,
        Format::Ndjson | Format::Csv => u64::MAX,
    };
    let limit = match request.query.number("limit", default_limit)? {
        0 => return Err(ApiError::malformed("limit must be at least 1")),
        limit if format == Format::Json => limit.min(MAX_LIMIT),
        limit => limit,
    };
    let mut entries = entry::entries(events)
        .filter(|entry| entry.sequence > filter.after && filter.wants(entry))
        .take(usize::try_from(limit.saturating_add(1)).unwrap_or(usize::MAX))
        .collect::<Vec<_>>();
    let more = entries.len() as u64 > limit;
    if more {
        entries.pop();
    }
    let next = entries
        .last()
        .filter(|_| more)
        .map(|entry| entry.sequence.to_string());
    let mut response = match format {
        Format::Json => json(
            StatusCode::OK,
            &Page {
                events: &entries,
                next: next.clone(),
            },
        ),
        Format::Ndjson => export(
            "application/x-ndjson",
            entry::ndjson(&entries)?,
            image,
            "ndjson",
        ),
        Format::Csv => export(
            "text/csv; charset=utf-8",
            entry::csv(&entries)?,
            image,
            "csv",
        ),
    };
    if let Some(cursor) = next {
        let url = next_url(&app, &request, &cursor);
        set(&mut response, LINK, &format!("<{url}>; rel=\"next\""));
    }
    Ok(response)
}

fn export(content_type: &'static str, text: Vec<u8>, image: ImageId, extension: &str) -> Response {
    let mut response = with_body(StatusCode::OK, content_type, text);
    set(&mut response, CACHE_CONTROL, "no-store");
    let name = format!("attachment; filename=\"history-{image}.{extension}\"");
    set(&mut response, CONTENT_DISPOSITION, &name);
    response
}

fn next_url(app: &App, request: &Request, cursor: &str) -> String {
    let (path, query) = request
        .target
        .split_once('?')
        .unwrap_or((&request.target, ""));
    let kept = query
        .split('&')
        .filter(|pair| !pair.is_empty() && !pair.starts_with("cursor="))
        .map(|pair| format!("{pair}&"))
        .collect::<String>();
    format!("{}{path}?{kept}cursor={cursor}", app.public_url)
}

/// What the client wants to see.
struct Filter {
    types: Vec<&'static str>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    after: u64,
}

impl Filter {
    fn read(request: &Request) -> Result<Self, ApiError> {
        let types = request
            .query
            .all("type")
            .flat_map(|names| names.split(','))
            .map(|name| {
                ImageEvent::TYPES
                    .into_iter()
                    .find(|known| *known == name)
                    .ok_or_else(|| {
                        let known = ImageEvent::TYPES.join(", ");
                        ApiError::malformed(format!("type must be one of {known}"))
                    })
            })
            .collect::<Result<_, _>>()?;
        let time = |name: &'static str| {
            request
                .query
                .get(name)
                .map(str::parse::<Timestamp>)
                .transpose()
                .map_err(|problem| ApiError::malformed(format!("{name}: {problem}")))
        };
        Ok(Self {
            types,
            from: time("from")?,
            to: time("to")?,
            after: request.query.number("cursor", 0)?,
        })
    }

    fn wants(&self, entry: &Entry) -> bool {
        (self.types.is_empty() || self.types.contains(&entry.event_type))
            && self.from.is_none_or(|from| entry.at >= from)
            && self.to.is_none_or(|to| entry.at < to)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Json,
    Ndjson,
    Csv,
}

impl Format {
    fn of(request: &Request) -> Result<Self, ApiError> {
        let accept = request.header("accept").unwrap_or_default();
        match request.query.get("format") {
            Some("json") => Ok(Self::Json),
            Some("ndjson") => Ok(Self::Ndjson),
            Some("csv") => Ok(Self::Csv),
            Some(_) => Err(ApiError::malformed("format must be json, ndjson or csv")),
            None if accept.contains("application/x-ndjson") => Ok(Self::Ndjson),
            None if accept.contains("text/csv") => Ok(Self::Csv),
            None => Ok(Self::Json),
        }
    }
}

/// The events of an image of the caller's account.
async fn own_events(
    app: &App,
    request: &Request,
    image: ImageId,
) -> Result<Vec<Recorded<ImageEvent>>, ApiError> {
    let account = request.caller()?.account;
    let events = app.store.image_events(image).await?;
    match events.first().map(|first| &first.event) {
        Some(ImageEvent::Uploaded { account: owner, .. }) if *owner == account => Ok(events),
        _ => Err(ImageError::NotFound.into()),
    }
}

/// An image of the caller's account as it was while `reached` held.
///
/// # Errors
/// `NotFound` when it is not the caller's.
pub async fn image_at(
    app: &App,
    request: &Request,
    image: ImageId,
    reached: impl Fn(&Recorded<ImageEvent>) -> bool,
) -> Result<Option<(u64, ImageState)>, ApiError> {
    let events = own_events(app, request, image).await?;
    Ok(fold(events.into_iter().take_while(|event| reached(event))))
}

/// Folds events into the last sequence and the state after it.
pub fn fold(events: impl IntoIterator<Item = Recorded<ImageEvent>>) -> Option<(u64, ImageState)> {
    let mut image = Image::default();
    let mut sequence = 0;
    for recorded in events {
        sequence = recorded.sequence;
        image.apply(recorded.event);
    }
    image.state().map(|state| (sequence, state.clone()))
}
