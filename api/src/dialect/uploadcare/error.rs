//! Failures in Uploadcare's shape: `{"detail": "text"}`.

use http::StatusCode;
use serde_json::json;

use crate::dialect::answer::Answer;
use crate::dialect::uploadcare::wire::answer;
use crate::error::{ApiError, Kind};
use crate::http::Response;

/// The response for a failure.
pub fn response(error: &ApiError) -> Response {
    let status = match &error.kind {
        Kind::Malformed | Kind::Invalid { .. } | Kind::QuotaExceeded => StatusCode::BAD_REQUEST,
        Kind::Unauthenticated => StatusCode::UNAUTHORIZED,
        Kind::Forbidden => StatusCode::FORBIDDEN,
        Kind::NotFound => StatusCode::NOT_FOUND,
        Kind::MethodNotAllowed { .. } => StatusCode::METHOD_NOT_ALLOWED,
        Kind::NotAcceptable => StatusCode::NOT_ACCEPTABLE,
        Kind::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Kind::Conflict | Kind::Duplicate { .. } => StatusCode::CONFLICT,
        Kind::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
        Kind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Kind::RateLimited { .. } => StatusCode::TOO_MANY_REQUESTS,
        Kind::Timeout => StatusCode::REQUEST_TIMEOUT,
        Kind::Unavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
        Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    };
    let detail = match &error.kind {
        Kind::NotFound => "Not found.".to_owned(),
        Kind::RateLimited { retry_after } => {
            format!("Request was throttled. Expected available in {retry_after} seconds.")
        }
        _ => error.message.clone(),
    };
    answer(status, &json!({ "detail": detail })).with_hints(error)
}
