//! Uploadcare file metadata (REST API v0.7), as the vendor's clients speak it.
//!
//! | file | what it holds |
//! | --- | --- |
//! | [`signature`] | the two ways a request proves its key |
//! | [`metadata`] | the four metadata operations |
//! | [`files`] | a file's information, removal |
//! | [`list`] | the list of files |
//! | [`cors`] | pages of other origins |
//! | [`wire`] | keys, values and file information as they go over the wire |
//! | [`error`] | failures: `{"detail"}` |

pub mod cors;
pub mod error;
pub mod files;
pub mod list;
pub mod metadata;
pub mod signature;
pub mod wire;

use http::StatusCode;
use serde::Serialize;

use crate::error::{ApiError, Kind};
use crate::http::response::json_as;
use crate::http::{Request, Response};

/// The one media type of this API version, without a charset: a client compares it as a whole.
pub const MEDIA_TYPE: &str = "application/vnd.uploadcare-v0.7+json";

/// Checks that the client can live with version 0.7.
///
/// # Errors
/// `NotAcceptable`.
pub fn check_version(request: &Request) -> Result<(), ApiError> {
    let Some(accept) = request.header("accept") else {
        return Ok(());
    };
    let takes_ours = accept
        .split(',')
        .filter_map(|range| range.split(';').next())
        .any(|range| {
            [MEDIA_TYPE, "application/json", "application/*", "*/*"]
                .iter()
                .any(|ours| range.trim().eq_ignore_ascii_case(ours))
        });
    if takes_ours {
        Ok(())
    } else {
        Err(ApiError::new(
            Kind::NotAcceptable,
            "Could not satisfy the request Accept header.",
        ))
    }
}

/// An answer in the API's media type.
pub(super) fn answer(status: StatusCode, body: &impl Serialize) -> Response {
    json_as(status, MEDIA_TYPE, body)
}
