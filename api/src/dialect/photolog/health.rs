//! Health checks for the operator's tools.

use http::StatusCode;
use serde_json::json;

use crate::app::SharedApp;
use crate::error::ApiError;
use crate::http::response::json;
use crate::http::{Request, Response};

/// `GET /healthz`: the process is serving.
pub async fn healthz(_app: SharedApp, _request: Request) -> Result<Response, ApiError> {
    Ok(json(StatusCode::OK, &json!({ "status": "ok" })))
}

/// `GET /readyz`: whether this node should receive requests, and what is wrong if not. 503 when it
/// cannot serve reads; with `?for=writes` also for faults that make writes fail or delay their
/// visibility.
///
/// # Errors
/// 400 for any other value of `for`.
pub async fn readyz(app: SharedApp, request: Request) -> Result<Response, ApiError> {
    let is_for_writes = match request.query.get("for") {
        None | Some("reads") => false,
        Some("writes") => true,
        Some(_) => return Err(ApiError::malformed("for must be reads or writes")),
    };
    let health = app.health.known();
    let (status, word) = match health.lag {
        None => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
        Some(_) if health.problems.is_empty() => (StatusCode::OK, "ready"),
        Some(_) if is_for_writes => (StatusCode::SERVICE_UNAVAILABLE, "degraded"),
        Some(_) => (StatusCode::OK, "degraded"),
    };
    let reasons: Vec<_> = health
        .problems
        .iter()
        .map(|problem| &problem.sentence)
        .collect();
    let body = json!({ "status": word, "projectionLag": health.lag, "reasons": reasons });
    Ok(json(status, &body))
}
