//! `/files/{uuid}/metadata/`: list, get, set and delete. All strongly consistent.

use http::StatusCode;
use photolog_domain::{ImageCommand, ImageId, Metadata};

use crate::app::SharedApp;
use crate::dialect::answer::Answer;
use crate::dialect::command::{current_image, execute_request};
use crate::dialect::uploadcare::wire::{self, answer};
use crate::error::ApiError;
use crate::http::response::empty;
use crate::http::{Request, Response};

const MAX_BODY_BYTES: usize = 64 * 1024;

/// `GET /files/{uuid}/metadata/`
pub async fn all(app: SharedApp, request: Request) -> Result<Response, ApiError> {
    let image: ImageId = request.id_of("image")?;
    let (sequence, state) = current_image(&app, &request, image).await?;
    let response = answer(StatusCode::OK, &wire::metadata(&state.metadata));
    Ok(response.with_version(sequence))
}

/// `GET /files/{uuid}/metadata/{key}/`: a JSON string.
pub async fn one(app: SharedApp, request: Request) -> Result<Response, ApiError> {
    let image: ImageId = request.id_of("image")?;
    let (sequence, state) = current_image(&app, &request, image).await?;
    let key = request.parameters.get("key");
    let value = state
        .metadata
        .get(key)
        .filter(|_| wire::is_key(key))
        .ok_or_else(|| ApiError::not_found("metadata key not found"))?;
    let response = answer(StatusCode::OK, value);
    Ok(response.with_version(sequence))
}

/// `PUT /files/{uuid}/metadata/{key}/`: takes a JSON string and returns it.
pub async fn set(app: SharedApp, mut request: Request) -> Result<Response, ApiError> {
    let image: ImageId = request.id_of("image")?;
    let key = wire::key(request.parameters.get("key"))?;
    let text: String = request.json(MAX_BODY_BYTES).await?;
    let value = wire::value(&text)?;
    let command = ImageCommand::SetMetadata {
        entries: Metadata::from([(key, value)]),
        max_keys: wire::MAX_KEYS,
    };
    let outcome = execute_request(&app, &request, image, command).await?;
    let response = answer(StatusCode::OK, &text);
    Ok(response.with_outcome(&outcome))
}

/// `DELETE /files/{uuid}/metadata/{key}/`
pub async fn delete(app: SharedApp, request: Request) -> Result<Response, ApiError> {
    let image: ImageId = request.id_of("image")?;
    let key = wire::key(request.parameters.get("key"))
        .map_err(|_| ApiError::not_found("metadata key not found"))?;
    let outcome =
        execute_request(&app, &request, image, ImageCommand::DeleteMetadataKey(key)).await?;
    let response = empty(StatusCode::NO_CONTENT);
    Ok(response.with_outcome(&outcome))
}
