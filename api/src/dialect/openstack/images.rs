//! `/v2.1/images`: the list, with and without details (eventually consistent, but a write waits
//! until it is visible here), and one image's details (strongly consistent).

use http::StatusCode;
use photolog_domain::{ImageId, ImageState};
use photolog_store::{ImageFilter, ImageList, ListStart, SortOrder};
use serde_json::{Value, json};

use crate::app::{App, SharedApp};
use crate::dialect::answer::Answer;
use crate::dialect::command::current_image;
use crate::dialect::openstack::wire;
use crate::dialect::page_memory;
use crate::error::{ApiError, Kind};
use crate::http::compute::compute;
use crate::http::memory::Holder;
use crate::http::response::json;
use crate::http::{Request, Response};

const MAX_LIMIT: u64 = 1_000;

/// `GET /v2.1/images`: names and links.
pub async fn list(app: SharedApp, request: Request) -> Result<Response, ApiError> {
    page(&app, &request, "/v2.1/images", wire::summary).await
}

/// `GET /v2.1/images/detail`: all details.
pub async fn list_details(app: SharedApp, request: Request) -> Result<Response, ApiError> {
    page(&app, &request, "/v2.1/images/detail", wire::details).await
}

/// `GET /v2.1/images/{image}`
pub async fn show(app: SharedApp, request: Request) -> Result<Response, ApiError> {
    let image: ImageId = request.id_of("image")?;
    let (sequence, state) = current_image(&app, &request, image).await?;
    let body = json!({ "image": wire::details(&app, image, &state) });
    let response = json(StatusCode::OK, &body);
    Ok(response.with_version(sequence))
}

/// At most `limit` enabled images after `marker`, newest first.
async fn page(
    app: &SharedApp,
    request: &Request,
    path: &'static str,
    write: fn(&App, ImageId, &ImageState) -> Value,
) -> Result<Response, ApiError> {
    let limit = match request.query.number("limit", MAX_LIMIT)? {
        0 => MAX_LIMIT,
        limit => limit.min(MAX_LIMIT),
    };
    let start = match request.query.get("marker") {
        None => ListStart::First,
        Some(marker) => ListStart::After(self::marker(app, request, marker).await?),
    };
    let account = request.caller()?.account;
    let holder = Holder::Account(account);
    let _turn = app.reads.turn(holder, page_memory(limit)).await?;
    let list = ImageList {
        account,
        which: ImageFilter::Enabled,
        order: SortOrder::NewestFirst,
        start,
        skip: 0,
        count: limit + 1,
    };
    let mut page = app.store.list_images(&list).await?;
    let has_more = page.is_cut || page.rows.len() as u64 > limit;
    page.rows
        .truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    let app = app.clone();
    let answer = compute(move || {
        let images = page.rows.iter();
        let images: Vec<_> = images
            .map(|row| write(&app, row.image, &row.state))
            .collect();
        let mut body = json!({ "images": images });
        if let (true, Some(last)) = (has_more, page.rows.last()) {
            let next = format!(
                "{}{path}?limit={limit}&marker={}",
                app.public_url, last.image
            );
            body["images_links"] = json!([{ "rel": "next", "href": next }]);
        }
        json(StatusCode::OK, &body)
    });
    request.count(answer.await?).await
}

/// A marker must be an image of the caller's account; it may be disabled.
async fn marker(app: &App, request: &Request, text: &str) -> Result<ImageId, ApiError> {
    let unknown = || ApiError::malformed(format!("marker [{text}] not found"));
    let image: ImageId = text.parse().map_err(|_| unknown())?;
    match current_image(app, request, image).await {
        Ok(_) => Ok(image),
        Err(error) if error.kind == Kind::NotFound => Err(unknown()),
        Err(error) => Err(error),
    }
}
