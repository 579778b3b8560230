//! `/v2.1/images/{image}`: image details. Strong.

use http::StatusCode;
use photolog_domain::ImageId;
use serde_json::json;

use crate::app::SharedApp;
use crate::dialect::openstack::wire;
use crate::error::ApiError;
use crate::executor::present;
use crate::http::response::{json, set_version};
use crate::http::{Request, Response};

/// `GET /v2.1/images/{image}`
pub async fn show(app: SharedApp, request: Request) -> Result<Response, ApiError> {
    let image: ImageId = request.id_of("image")?;
    let (sequence, state) = present(&app, &request, image).await?;
    let body = json!({ "image": wire::details(&app, image, &state) });
    let mut response = json(StatusCode::OK, &body);
    set_version(&mut response, sequence);
    Ok(response)
}
