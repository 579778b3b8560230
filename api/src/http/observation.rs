//! The telemetry of each request: its span, one metric, one log line.

use std::time::Instant;

use http::{HeaderMap, Method};
use photolog_domain::DialectName;
use photolog_telemetry::{metric, trace};
use tracing::Span;

use crate::http::{RequestId, Response};

/// The observation of a request, from its start to its response.
pub struct Observation {
    /// All work on the request runs inside this span.
    pub span: Span,
    began: Instant,
    method: Method,
    dialect: DialectName,
    route: &'static str,
}

impl Observation {
    /// Begins with the request. `route` is the pattern, not the path, because there are few
    /// patterns.
    pub fn begin(
        method: &Method,
        headers: &HeaderMap,
        id: &RequestId,
        dialect: DialectName,
        route: &'static str,
    ) -> Self {
        Self {
            span: trace::request_span(headers, id.as_str(), method.as_str(), route),
            began: Instant::now(),
            method: method.clone(),
            dialect,
            route,
        }
    }

    /// Ends with the response.
    pub fn end(self, response: &Response) {
        let status = response.status();
        let elapsed = self.began.elapsed();
        trace::answered(&self.span, status.as_u16());
        metrics::histogram!(
            metric::REQUEST_SECONDS,
            "dialect" => self.dialect.to_string(),
            "route" => self.route,
            "status" => status.as_str().to_owned(),
        )
        .record(elapsed);
        tracing::debug!(
            parent: &self.span,
            status = status.as_u16(),
            method = %self.method,
            route = self.route,
            elapsed_us = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX),
            "answered"
        );
    }
}
