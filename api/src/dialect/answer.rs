//! What answers to writes have in common.

use http::{HeaderName, HeaderValue};

use crate::executor::Written;
use crate::http::Response;
use crate::http::response::set_version;

/// What every answer to a write carries: the image's version, and an honest word when lists may
/// not show the write yet.
pub fn note_write(response: &mut Response, written: &Written) {
    set_version(response, written.sequence);
    if !written.visible {
        response.headers_mut().insert(
            HeaderName::from_static("x-photolog-visibility"),
            HeaderValue::from_static("pending"),
        );
    }
}
