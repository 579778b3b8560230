//! The endpoint.

use bytes::Bytes;
use futures::Stream;
use http::StatusCode;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, LINK};
use photolog_domain::ImageId;
use sync_wrapper::SyncStream;
use warp::Reply;

use super::export::Export;
use super::filter::{Filter, Format};
use super::walk::Walk;
use crate::app::{App, SharedApp};
use crate::auth::access::LongAccess;
use crate::error::ApiError;
use crate::http::memory::Holder;
use crate::http::response::{no_store, set, with_body};
use crate::http::{Request, Response};
use crate::past_image::BATCH_BYTES;

const DEFAULT_LIMIT: u64 = 100;

const MAX_LIMIT: u64 = 1_000;

/// `GET /accounts/{account}/images/{image}/history`: oldest first.
///
/// `type` (repeatable), `from` and `to` filter; `limit` and `cursor` paginate; `format` or `Accept`
/// selects JSON, NDJSON or CSV. NDJSON and CSV contain every matching event unless a `limit` is
/// given.
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
            let access = LongAccess::of(&app.places, &request)?;
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
