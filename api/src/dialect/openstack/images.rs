//! `/v2.1/images`: the list, short and with details (eventual, but a write waits until it shows
//! here), and one image's details (strong).

use http::StatusCode;
use photolog_domain::ImageId;
use photolog_store::{ImageList, ImageRow, Order, Start, Which};
use serde_json::{Value, json};

use crate::app::{App, SharedApp};
use crate::dialect::openstack::wire;
use crate::error::{ApiError, Kind};
use crate::executor::present;
use crate::http::response::{json, set_version};
use crate::http::{Request, Response};

const MAX_LIMIT: u64 = 1_000;

/// `GET /v2.1/images`: names and links.
pub async fn list(app: SharedApp, request: Request) -> Result<Response, ApiError> {
    page(&app, &request, "/v2.1/images", |row| {
        wire::summary(&app, row.image, &row.state)
    })
    .await
}

/// `GET /v2.1/images/detail`: everything.
pub async fn list_details(app: SharedApp, request: Request) -> Result<Response, ApiError> {
    page(&app, &request, "/v2.1/images/detail", |row| {
        wire::details(&app, row.image, &row.state)
    })
    .await
}

/// `GET /v2.1/images/{image}`
pub async fn show(app: SharedApp, request: Request) -> Result<Response, ApiError> {
    let image: ImageId = request.id_of("image")?;
    let (sequence, state) = present(&app, &request, image).await?;
    let body = json!({ "image": wire::details(&app, image, &state) });
    let mut response = json(StatusCode::OK, &body);
    set_version(&mut response, sequence);
    Ok(response)
}

/// Enabled images, newest first, behind `marker`, at most `limit`.
async fn page(
    app: &App,
    request: &Request,
    path: &str,
    write: impl Fn(&ImageRow) -> Value,
) -> Result<Response, ApiError> {
    let limit = match request.query.number("limit", MAX_LIMIT)? {
        0 => MAX_LIMIT,
        limit => limit.min(MAX_LIMIT),
    };
    let start = match request.query.get("marker") {
        None => Start::First,
        Some(marker) => Start::After(self::marker(app, request, marker).await?),
    };
    let list = ImageList {
        account: request.caller()?.account,
        which: Which::Enabled,
        order: Order::NewestFirst,
        start,
        skip: 0,
        count: limit + 1,
    };
    let mut rows = app.store.list_images(&list).await?;
    let more = rows.len() as u64 > limit;
    rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    let mut body = json!({ "images": rows.iter().map(write).collect::<Vec<_>>() });
    if let (true, Some(last)) = (more, rows.last()) {
        let next = format!(
            "{}{path}?limit={limit}&marker={}",
            app.public_url, last.image
        );
        body["images_links"] = json!([{ "rel": "next", "href": next }]);
    }
    Ok(json(StatusCode::OK, &body))
}

/// A marker must be an image of the caller's; a disabled one serves as well.
async fn marker(app: &App, request: &Request, text: &str) -> Result<ImageId, ApiError> {
    let unknown = || ApiError::malformed(format!("marker [{text}] not found"));
    let image: ImageId = text.parse().map_err(|_| unknown())?;
    match present(app, request, image).await {
        Ok(_) => Ok(image),
        Err(error) if error.kind == Kind::NotFound => Err(unknown()),
        Err(error) => Err(error),
    }
}
