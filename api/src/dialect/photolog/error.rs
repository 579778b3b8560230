//! Failures on our own endpoints: problem details (RFC 9457).

use http::StatusCode;
use serde_json::json;

use crate::dialect::answer::Answer;
use crate::error::{ApiError, Kind};
use crate::http::Response;
use crate::http::response::json_as;

/// The response for a failure.
pub fn response(error: &ApiError) -> Response {
    let (status, title) = match &error.kind {
        Kind::Malformed => (StatusCode::BAD_REQUEST, "Malformed request"),
        Kind::Invalid { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "Invalid value"),
        Kind::Unauthenticated => (StatusCode::UNAUTHORIZED, "Unauthenticated"),
        Kind::Forbidden => (StatusCode::FORBIDDEN, "Forbidden"),
        Kind::NotFound => (StatusCode::NOT_FOUND, "Not found"),
        Kind::MethodNotAllowed { .. } => (StatusCode::METHOD_NOT_ALLOWED, "Method not allowed"),
        Kind::NotAcceptable => (StatusCode::NOT_ACCEPTABLE, "Not acceptable"),
        Kind::UnsupportedMediaType => {
            (StatusCode::UNSUPPORTED_MEDIA_TYPE, "Unsupported media type")
        }
        Kind::Conflict | Kind::Duplicate { .. } => (StatusCode::CONFLICT, "Conflict"),
        Kind::PreconditionFailed => (StatusCode::PRECONDITION_FAILED, "Precondition failed"),
        Kind::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "Too large"),
        Kind::QuotaExceeded => (StatusCode::FORBIDDEN, "Limit reached"),
        Kind::RateLimited { .. } => (StatusCode::TOO_MANY_REQUESTS, "Too many requests"),
        Kind::Timeout => (StatusCode::REQUEST_TIMEOUT, "Too slow"),
        Kind::Unavailable { .. } => (StatusCode::SERVICE_UNAVAILABLE, "Unavailable"),
        Kind::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "Internal error"),
    };
    let body = json!({
        "type": "about:blank",
        "title": title,
        "status": status.as_u16(),
        "detail": error.message,
    });
    json_as(status, "application/problem+json", &body).with_hints(error)
}
