//! The audit: who changed what, when and why, with what stood there before and after.
//!
//! | file | what it holds |
//! | --- | --- |
//! | this one | the endpoint: filters, pages, formats |
//! | [`entry`] | one event with its before and after |
//! | [`walk`] | through a stream, some events at a time |
//! | [`export`] | a whole history, for as long as its reader may read |
//!
//! Strong: folded from the image's own stream.

pub mod entry;
pub mod export;
pub mod walk;

use std::collections::BTreeSet;

use bytes::Bytes;
use futures::Stream;
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, LINK};
use photolog_domain::{AccountId, ImageEvent, ImageId, ImageState, Timestamp};
use photolog_store::Recorded;
use sync_wrapper::SyncStream;
use warp::Reply;

use crate::app::{App, SharedApp};
use crate::auth::access::LongAccess;
use crate::error::ApiError;
use crate::http::memory::Holder;
use crate::http::response::{set, with_body};
use crate::http::{Request, Response};
use entry::Entry;
use export::Export;
use walk::Walk;

const DEFAULT_LIMIT: u64 = 100;
const MAX_LIMIT: u64 = 1_000;

/// Events of a stream that are in memory at once. One has a quarter of a mebibyte at most.
const BATCH: u32 = 25;

/// What a batch takes in memory: read, folded, with before and after, and written.
const BATCH_BYTES: u64 = 4 * BATCH as u64 * (256 << 10);

/// `GET /accounts/{account}/images/{image}/history`: oldest first.
///
/// `type` (repeatable), `from` and `to` filter; `limit` and `cursor` page; `format` or `Accept`
/// chooses JSON, NDJSON or CSV. The exports hold everything that fits the filters, unless a
/// `limit` is given.
pub async fn show(app: SharedApp, request: Request) -> Result<Response, ApiError> {
    let filter = Filter::read(&request)?;
    let format = Format::of(&request)?;
    let image: ImageId = request.id_of("image")?;
    let account = request.caller()?.account;
    let holder = Holder::Account(account);
    let _turn = app.reads.turn(holder, BATCH_BYTES).await?;
    let mut walk = Walk::begin(&app.store, account, image).await?;
    let limit = match (format, request.query.get("limit")) {
        (Format::Ndjson | Format::Csv, None) => {
            let access = LongAccess::of(&app, &request)?;
            let export = Export::new(app.clone(), walk, access, request.reader.clone());
            return Ok(as_stream(format, image, export.pieces(filter, format)));
        }
        _ => match request.query.number("limit", DEFAULT_LIMIT)? {
            0 => return Err(ApiError::malformed("limit must be at least 1")),
            limit if format == Format::Json => limit.min(MAX_LIMIT),
            limit => limit,
        },
    };
    let page = walk.page(&filter, format, limit).await?;
    let mut response = match format {
        Format::Json => no_store(with_body(StatusCode::OK, "application/json", page.text)),
        _ => as_file(
            with_body(StatusCode::OK, format.media_type(), page.text),
            format,
            image,
        ),
    };
    if let Some(cursor) = page.next {
        let url = next_url(&app, &request, cursor);
        set(&mut response, LINK, &format!("<{url}>; rel=\"next\""));
    }
    request.count(response).await
}

fn as_stream(
    format: Format,
    image: ImageId,
    pieces: impl Stream<Item = Result<Bytes, ApiError>> + Send + 'static,
) -> Response {
    let body = warp::reply::stream(SyncStream::new(Box::pin(pieces)));
    let mut response = body.into_response();
    set(&mut response, CONTENT_TYPE, format.media_type());
    as_file(response, format, image)
}

fn as_file(mut response: Response, format: Format, image: ImageId) -> Response {
    let name = format!(
        "attachment; filename=\"history-{image}.{}\"",
        format.extension()
    );
    set(&mut response, CONTENT_DISPOSITION, &name);
    no_store(response)
}

fn no_store(mut response: Response) -> Response {
    set(&mut response, CACHE_CONTROL, "no-store");
    response
}

fn next_url(app: &App, request: &Request, cursor: u64) -> String {
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
#[derive(Clone, Debug)]
pub struct Filter {
    types: BTreeSet<&'static str>,
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
        entry.sequence > self.after
            && (self.types.is_empty() || self.types.contains(&entry.event_type))
            && self.from.is_none_or(|from| entry.at >= from)
            && self.to.is_none_or(|to| entry.at < to)
    }
}

/// The form of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A page with a cursor.
    Json,
    /// A JSON object a line.
    Ndjson,
    /// A table.
    Csv,
}

impl Format {
    fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Ndjson => "application/x-ndjson",
            Self::Csv => "text/csv; charset=utf-8",
        }
    }

    fn extension(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Ndjson => "ndjson",
            Self::Csv => "csv",
        }
    }

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
    let account = request.caller()?.account;
    fold_while(app, account, image, reached).await
}

/// An image of an account as it was while `reached` held.
///
/// # Errors
/// `NotFound` when it is not the account's.
pub async fn fold_while(
    app: &App,
    account: AccountId,
    image: ImageId,
    reached: impl Fn(&Recorded<ImageEvent>) -> bool,
) -> Result<Option<(u64, ImageState)>, ApiError> {
    let holder = Holder::Account(account);
    let _turn = app.reads.turn(holder, BATCH_BYTES).await?;
    let walk = Walk::begin(&app.store, account, image).await?;
    walk.fold_while(reached).await
}
