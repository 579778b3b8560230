//! `/files/{uuid}/`: a file's information, and its removal from storage. Both strongly consistent.
//! The list of files is in `list`.

use http::StatusCode;
use photolog_domain::{ImageCommand, ImageId};

use crate::app::SharedApp;
use crate::dialect::answer::Answer;
use crate::dialect::command::{current_image, execute_request};
use crate::dialect::uploadcare::wire::{self, answer};
use crate::error::ApiError;
use crate::http::{Request, Response};

/// `GET /files/{uuid}/`
pub async fn show(app: SharedApp, request: Request) -> Result<Response, ApiError> {
    let image: ImageId = request.id_of("image")?;
    let (sequence, state) = current_image(&app, &request, image).await?;
    let response = answer(StatusCode::OK, &wire::file(&app, image, &state));
    Ok(response.with_version(sequence))
}

/// `DELETE /files/{uuid}/storage/`: disables the image and returns its information.
pub async fn remove(app: SharedApp, request: Request) -> Result<Response, ApiError> {
    let image: ImageId = request.id_of("image")?;
    let outcome = execute_request(&app, &request, image, ImageCommand::Disable).await?;
    let response = answer(StatusCode::OK, &wire::file(&app, image, &outcome.state));
    Ok(response.with_outcome(&outcome))
}
