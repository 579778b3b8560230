//! The Moov images API, as used by the official Moov clients.
//!
//! The contract is <https://docs.moov.io/api/> and the public SDKs. Clients match a response by its
//! exact status and media type.

pub mod client;
pub mod error;
pub mod images;
pub mod metadata;
pub mod openapi;
pub mod public;
pub mod revoke;
pub mod scope;
pub mod token;
pub mod upload;
pub mod wire;

use photolog_domain::DialectName;
use serde_json::json;

use crate::dialect::Dialect;
use crate::dialect::operation::{Description, Operation};
use crate::error::ApiError;
use crate::http::header::header;
use crate::http::{Request, Response};
use crate::route::{Route, route};

/// The dialect.
pub struct Moov;

#[rustfmt::skip]
const ROUTES: &[Route] = &[
    // Public: pictures at their public links.
    route!(GET "/images/{image}", Picture, public::show),

    route!(GET    "/accounts/{account}/images", READ, images::list),
    route!(POST   "/accounts/{account}/images", WRITE, images::upload),
    route!(GET    "/accounts/{account}/images/{image}", READ, images::show),
    route!(PUT    "/accounts/{account}/images/{image}", WRITE, images::replace),
    route!(DELETE "/accounts/{account}/images/{image}", WRITE, images::disable),
    route!(PUT    "/accounts/{account}/images/{image}/metadata", WRITE, metadata::replace),
    route!(POST   "/oauth2/token", Open, token::issue),
    route!(POST   "/oauth2/revoke", Open, revoke::revoke),
];

impl Dialect for Moov {
    fn name(&self) -> DialectName {
        DialectName::MOOV
    }

    fn routes(&self) -> &'static [Route] {
        ROUTES
    }

    fn prefixes(&self) -> &'static [&'static str] {
        &["accounts", "images", "oauth2"]
    }

    fn error_response(&self, error: &ApiError) -> Response {
        error::response(error)
    }

    /// `X-Moov-Version`: if it is absent or well-formed, the one behaviour that we have applies; if
    /// it is malformed, the response is "not found", as the vendor documents.
    fn check_version(&self, request: &Request) -> Result<(), ApiError> {
        if !request.headers.contains_key("x-moov-version") {
            return Ok(());
        }
        match header(&request.headers, "x-moov-version") {
            Some(text) if is_version(text) => Ok(()),
            _ => Err(ApiError::not_found("no such API version")),
        }
    }

    fn describe(&self, route: &Route) -> Option<Operation> {
        openapi::describe(route.method.as_str(), route.pattern)
    }

    fn description(&self) -> Description {
        Description {
            tag: "moov",
            about: "Moov images. `HEAD` works wherever `GET` does.",
            ends_with_slash: false,
            media_type: "application/json",
            failure_media_type: "application/json",
            failure: "MoovError",
            credentials: &["basic", "bearer"],
            security_schemes: json!({}),
            schemas: openapi::schemas(),
            parameters: Vec::new(),
        }
    }
}

/// `vYYYY.MM.BB`
fn is_version(text: &str) -> bool {
    text.len() == 11
        && text.bytes().enumerate().all(|(place, byte)| match place {
            0 => byte == b'v',
            5 | 8 => byte == b'.',
            _ => byte.is_ascii_digit(),
        })
}

#[cfg(test)]
mod tests {
    use super::is_version;

    #[test]
    fn a_version_has_one_form() {
        assert!(is_version("v2026.07.00") && is_version("v2031.01.00"));
        for malformed in [
            "",
            "2026.07.00",
            "v2026.7.0",
            "v2026-07-00",
            "v2026.07.000",
            "latest",
        ] {
            assert!(!is_version(malformed), "{malformed}");
        }
    }
}
