//! What the operator's tools ask.

use http::StatusCode;
use serde_json::json;

use crate::app::SharedApp;
use crate::error::ApiError;
use crate::http::response::json;
use crate::http::{Request, Response};

/// `GET /healthz`: the process serves.
pub async fn healthz(_app: SharedApp, _request: Request) -> Result<Response, ApiError> {
    Ok(json(StatusCode::OK, &json!({ "status": "ok" })))
}
