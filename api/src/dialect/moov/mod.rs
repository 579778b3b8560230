//! Moov images, as the official Moov clients speak them.
//!
//! Their contract: <https://docs.moov.io/api/> and the public SDKs. Both match an answer by its
//! exact status and media type.

pub mod client;
pub mod error;
pub mod images;
pub mod metadata;
pub mod public;
pub mod revoke;
pub mod scope;
pub mod token;
pub mod upload;
pub mod wire;

use http::HeaderMap;

use crate::error::ApiError;
use crate::http::header::header;

/// `X-Moov-Version`: absent or any well-formed one gives the one behaviour we have; a malformed
/// one is "not found", as the vendor documents.
///
/// # Errors
/// `NotFound`.
pub fn check_version(headers: &HeaderMap) -> Result<(), ApiError> {
    if !headers.contains_key("x-moov-version") {
        return Ok(());
    }
    match header(headers, "x-moov-version") {
        Some(text) if is_version(text) => Ok(()),
        _ => Err(ApiError::not_found("no such API version")),
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
