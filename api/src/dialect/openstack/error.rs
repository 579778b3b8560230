//! Faults: `{"<fault>": {"code", "message"}}`; for wrong credentials Keystone's `{"error"}`.

use http::StatusCode;
use serde_json::json;

use crate::dialect::answer::Answer;
use crate::error::{ApiError, Kind};
use crate::http::Response;
use crate::http::response::json;

/// The response for a failure. The first member is always an object, because a client reads its
/// `message`.
pub fn response(error: &ApiError) -> Response {
    let (status, fault) = match &error.kind {
        Kind::Malformed | Kind::Invalid { .. } => (StatusCode::BAD_REQUEST, "badRequest"),
        Kind::Unauthenticated => (StatusCode::UNAUTHORIZED, "error"),
        Kind::Forbidden | Kind::QuotaExceeded => (StatusCode::FORBIDDEN, "forbidden"),
        Kind::NotFound => (StatusCode::NOT_FOUND, "itemNotFound"),
        Kind::MethodNotAllowed { .. } => (StatusCode::METHOD_NOT_ALLOWED, "badMethod"),
        Kind::NotAcceptable => (StatusCode::NOT_ACCEPTABLE, "notAcceptable"),
        Kind::UnsupportedMediaType => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "badMediaType"),
        Kind::Conflict | Kind::Duplicate { .. } => (StatusCode::CONFLICT, "conflictingRequest"),
        Kind::PreconditionFailed => (StatusCode::PRECONDITION_FAILED, "preconditionFailed"),
        Kind::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "overLimit"),
        Kind::RateLimited { .. } => (StatusCode::TOO_MANY_REQUESTS, "overLimit"),
        Kind::Timeout => (StatusCode::REQUEST_TIMEOUT, "requestTimeout"),
        Kind::Unavailable { .. } => (StatusCode::SERVICE_UNAVAILABLE, "serviceUnavailable"),
        Kind::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "computeFault"),
    };
    let body = match &error.kind {
        Kind::Unauthenticated => json!({ fault: {
            "code": status.as_u16(),
            "title": "Unauthorized",
            "message": error.message,
        }}),
        Kind::RateLimited { retry_after } => json!({ fault: {
            "code": status.as_u16(),
            "message": error.message,
            "retryAfter": retry_after.to_string(),
        }}),
        _ => json!({ fault: { "code": status.as_u16(), "message": error.message } }),
    };
    json(status, &body).with_hints(error)
}
