//! What the responses of all dialects have in common.

use http::header::{ETAG, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue};

use crate::error::{ApiError, Kind};
use crate::executor::ImageOutcome;
use crate::http::Response;
use crate::http::response::set;

/// Response headers that are the same in every dialect.
pub trait Answer {
    /// Adds the `ETag` of an image whose stream is at this sequence.
    #[must_use]
    fn with_version(self, sequence: u64) -> Self;

    /// Adds the image's version after a write, and a notice if lists may not show the write yet.
    #[must_use]
    fn with_outcome(self, outcome: &ImageOutcome) -> Self;

    /// Adds the hints that belong to a kind of failure.
    #[must_use]
    fn with_hints(self, error: &ApiError) -> Self;
}

impl Answer for Response {
    fn with_version(mut self, sequence: u64) -> Self {
        set(&mut self, ETAG, &format!("\"{sequence}\""));
        self
    }

    fn with_outcome(mut self, outcome: &ImageOutcome) -> Self {
        if !outcome.visible {
            self.headers_mut().insert(
                HeaderName::from_static("x-photolog-visibility"),
                HeaderValue::from_static("pending"),
            );
        }
        self.with_version(outcome.sequence)
    }

    fn with_hints(mut self, error: &ApiError) -> Self {
        match error.kind {
            Kind::Unavailable { retry_after } => {
                let seconds = retry_after.as_secs().max(1).to_string();
                set(&mut self, RETRY_AFTER, &seconds);
            }
            Kind::RateLimited { retry_after } => {
                set(&mut self, RETRY_AFTER, &retry_after.to_string());
            }
            Kind::Unauthenticated => {
                set(&mut self, WWW_AUTHENTICATE, "Basic realm=\"photolog\"");
            }
            _ => {}
        }
        self
    }
}
