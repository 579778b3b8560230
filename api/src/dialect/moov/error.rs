//! Failures in Moov's shape: `{"error"}` for most, an object of fields for invalid ones.

use http::StatusCode;
use serde_json::{Value, json};

use crate::dialect::answer::Answer;
use crate::error::{ApiError, Kind};
use crate::http::Response;
use crate::http::response::json;

/// The response for a failure. It always has a body, because one of the vendor's clients cannot
/// read an empty one.
pub fn response(error: &ApiError) -> Response {
    let status = match &error.kind {
        Kind::Malformed => StatusCode::BAD_REQUEST,
        Kind::Invalid { .. } | Kind::QuotaExceeded => StatusCode::UNPROCESSABLE_ENTITY,
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
    let body = match &error.kind {
        Kind::Invalid { field } => nested(field, &error.message),
        Kind::QuotaExceeded => nested("image", &error.message),
        _ => json!({ "error": error.message }),
    };
    json(status, &body).with_hints(error)
}

/// `metadata.altText` becomes `{"metadata": {"altText": message}}`.
fn nested(field: &str, message: &str) -> Value {
    field
        .rsplit('.')
        .fold(json!(message), |inner, name| json!({ name: inner }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_with_dots_becomes_nested_objects() {
        assert_eq!(
            nested("metadata.altText", "is too long"),
            json!({"metadata": {"altText": "is too long"}})
        );
        assert_eq!(nested("image", "is empty"), json!({"image": "is empty"}));
    }
}
