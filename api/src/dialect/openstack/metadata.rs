//! `/v2.1/images/{image}/metadata`: get, merge and replace all; get, set and delete one key. All
//! strongly consistent.

use http::StatusCode;
use photolog_domain::metadata::MAX_KEYS;
use photolog_domain::{ImageCommand, ImageId};
use serde_json::json;

use crate::app::SharedApp;
use crate::dialect::answer::Answer;
use crate::dialect::command::{current_image, execute_request};
use crate::dialect::openstack::wire;
use crate::error::ApiError;
use crate::http::response::{empty, json};
use crate::http::{Request, Response};

/// `GET …/metadata`
pub async fn all(app: SharedApp, request: Request) -> Result<Response, ApiError> {
    let image: ImageId = request.id_of("image")?;
    let (sequence, state) = current_image(&app, &request, image).await?;
    let response = json(StatusCode::OK, &json!({ "metadata": state.metadata }));
    Ok(response.with_version(sequence))
}

/// `POST …/metadata`: merges, and returns the resulting metadata.
pub async fn merge(app: SharedApp, mut request: Request) -> Result<Response, ApiError> {
    let entries = wire::entries(&mut request, "metadata").await?;
    let command = ImageCommand::SetMetadata {
        entries,
        max_keys: MAX_KEYS,
    };
    change(&app, &request, command).await
}

/// `PUT …/metadata`: replaces all metadata; an empty object clears it.
pub async fn replace(app: SharedApp, mut request: Request) -> Result<Response, ApiError> {
    let entries = wire::entries(&mut request, "metadata").await?;
    change(&app, &request, ImageCommand::ReplaceMetadata(entries)).await
}

async fn change(
    app: &SharedApp,
    request: &Request,
    command: ImageCommand,
) -> Result<Response, ApiError> {
    let outcome = execute_request(app, request, request.id_of("image")?, command).await?;
    let body = json!({ "metadata": outcome.state.metadata });
    Ok(json(StatusCode::OK, &body).with_outcome(&outcome))
}

/// `GET …/metadata/{key}`
pub async fn one(app: SharedApp, request: Request) -> Result<Response, ApiError> {
    let image: ImageId = request.id_of("image")?;
    let (sequence, state) = current_image(&app, &request, image).await?;
    let key = request.parameters.get("key");
    let value = state.metadata.get(key).ok_or_else(no_such_key)?;
    let response = json(StatusCode::OK, &json!({ "meta": { key: value } }));
    Ok(response.with_version(sequence))
}

/// `PUT …/metadata/{key}`: the body's only member must be the key in the URL.
pub async fn set(app: SharedApp, mut request: Request) -> Result<Response, ApiError> {
    let image: ImageId = request.id_of("image")?;
    let key = wire::key(request.parameters.get("key"))?;
    let entries = wire::entries(&mut request, "meta").await?;
    if entries.len() != 1 || !entries.contains_key(&key) {
        return Err(ApiError::malformed("Request body and URI mismatch"));
    }
    let command = ImageCommand::SetMetadata {
        entries: entries.clone(),
        max_keys: MAX_KEYS,
    };
    let outcome = execute_request(&app, &request, image, command).await?;
    let response = json(StatusCode::OK, &json!({ "meta": entries }));
    Ok(response.with_outcome(&outcome))
}

/// `DELETE …/metadata/{key}`
pub async fn delete(app: SharedApp, request: Request) -> Result<Response, ApiError> {
    let image: ImageId = request.id_of("image")?;
    let key = wire::key(request.parameters.get("key")).map_err(|_| no_such_key())?;
    let outcome =
        execute_request(&app, &request, image, ImageCommand::DeleteMetadataKey(key)).await?;
    let response = empty(StatusCode::NO_CONTENT);
    Ok(response.with_outcome(&outcome))
}

fn no_such_key() -> ApiError {
    ApiError::not_found("Metadata item was not found")
}
