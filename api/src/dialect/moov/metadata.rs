//! `PUT /accounts/{account}/images/{image}/metadata`: replaces the alternative text. Strongly
//! consistent.

use http::StatusCode;
use photolog_domain::{AltTextChange, ImageCommand};

use crate::app::SharedApp;
use crate::dialect::command::execute_request;
use crate::dialect::moov::images::answer;
use crate::dialect::moov::wire::MetadataRequest;
use crate::error::ApiError;
use crate::http::{Request, Response};

const MAX_BODY_BYTES: usize = 64 * 1024;

/// Replaces the alternative text; a body without `altText` clears it. Other dialects' metadata is
/// kept.
pub async fn replace(app: SharedApp, mut request: Request) -> Result<Response, ApiError> {
    let image = request.id_of("image")?;
    let body: MetadataRequest = request.json(MAX_BODY_BYTES).await?;
    let change = match body.alt_text("altText")? {
        Some(text) => AltTextChange::Set(text),
        None => AltTextChange::Clear,
    };
    let command = ImageCommand::ChangeAltText(change);
    let outcome = execute_request(&app, &request, image, command).await?;
    Ok(answer(&app, StatusCode::OK, &outcome))
}
