//! Cross-origin requests: the vendor's JavaScript client also runs in browsers.
//!
//! Cookies are never credentials here, so any origin may send requests; the page needs a key.

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ALLOW, VARY,
};
use http::{HeaderValue, StatusCode};

use crate::http::Response;
use crate::http::response::{empty, set};

/// The request headers that our clients send and that browsers block without explicit permission.
const REQUEST_HEADERS: &str = "Accept, Authorization, Content-Type, If-Match, X-Photolog-Reason, \
    X-Request-Id, X-UC-User-Agent, X-Uploadcare-Date";
const ANSWER_HEADERS: &str =
    "Allow, ETag, RateLimit, RateLimit-Policy, Retry-After, X-Uploadcare-Request-Id";
/// Ten minutes, the cap that browsers apply anyway.
const PREFLIGHT_SECONDS: &str = "600";

/// The response to `OPTIONS`, the preflight request that browsers send without credentials.
pub fn preflight(allow: &str) -> Response {
    let mut response = empty(StatusCode::NO_CONTENT);
    set(&mut response, ACCESS_CONTROL_ALLOW_METHODS, allow);
    set(&mut response, ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS);
    set(&mut response, ACCESS_CONTROL_MAX_AGE, PREFLIGHT_SECONDS);
    response
}

/// Adds the headers that every response carries, as in the real service.
pub fn share(response: &mut Response, allow: &str) {
    set(response, ALLOW, allow);
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(
        ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static(ANSWER_HEADERS),
    );
    headers.insert(VARY, HeaderValue::from_static("Accept"));
}
