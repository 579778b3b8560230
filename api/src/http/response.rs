//! Responses.

use crate::auth::rate::Allowance;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, StatusCode};
use serde::Serialize;

/// A response.
pub type Response = warp::reply::Response;

/// A response with a body of the given type.
pub fn with_body(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Bytes>,
) -> Response {
    let body: Bytes = body.into();
    let length = HeaderValue::from(body.len());
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    // Set here, because a response to HEAD has no body to take the length from.
    headers.insert(CONTENT_LENGTH, length);
    response
}

/// A response in JSON. The type has no charset, because one vendor's client compares it as a whole.
pub fn json(status: StatusCode, body: &impl Serialize) -> Response {
    json_as(status, "application/json", body)
}

/// A response in a JSON-based media type.
pub fn json_as(status: StatusCode, content_type: &'static str, body: &impl Serialize) -> Response {
    let text = serde_json::to_vec(body).unwrap_or_else(|problem| {
        tracing::error!(%problem, "a response could not be written as JSON");
        b"{}".to_vec()
    });
    no_store(with_body(status, content_type, text))
}

/// Keeps a response out of every cache.
pub fn no_store(mut response: Response) -> Response {
    let value = HeaderValue::from_static("no-store");
    response.headers_mut().insert(CACHE_CONTROL, value);
    response
}

/// A response without a body.
pub fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Bytes::new().into());
    *response.status_mut() = status;
    response
}

/// Sets a header from text; an invalid value is left out.
pub fn set(response: &mut Response, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

/// Sets the headers for a key's remaining allowance (draft-ietf-httpapi-ratelimit-headers).
pub fn set_allowance(response: &mut Response, allowance: &Allowance) {
    let Allowance {
        per_second,
        remaining,
        ..
    } = allowance;
    let policy = format!("\"key\";q={per_second};w=1");
    let state = format!("\"key\";r={remaining};t={}", allowance.reset_seconds());
    set(
        response,
        HeaderName::from_static("ratelimit-policy"),
        &policy,
    );
    set(response, HeaderName::from_static("ratelimit"), &state);
}
