//! What the operator's tools ask.

use http::StatusCode;
use photolog_projector::ImageView;
use photolog_store::{Store, StoreError};
use serde_json::json;

use crate::app::SharedApp;
use crate::error::ApiError;
use crate::http::response::json;
use crate::http::{Request, Response};

/// `GET /healthz`: the process serves.
pub async fn healthz(_app: SharedApp, _request: Request) -> Result<Response, ApiError> {
    Ok(json(StatusCode::OK, &json!({ "status": "ok" })))
}

/// `GET /readyz`: the database answers and the read models are not far behind the log; 503 when
/// this node should get no requests.
pub async fn readyz(app: SharedApp, _request: Request) -> Result<Response, ApiError> {
    let (status, body) = match projection_lag(&app.store).await {
        Ok(lag) if lag <= app.limits.ready_lag => (
            StatusCode::OK,
            json!({ "status": "ready", "projectionLag": lag }),
        ),
        Ok(lag) => (
            StatusCode::SERVICE_UNAVAILABLE,
            json!({ "status": "behind", "projectionLag": lag }),
        ),
        Err(error) => (
            StatusCode::SERVICE_UNAVAILABLE,
            json!({ "status": "unavailable", "problem": error.to_string() }),
        ),
    };
    Ok(json(status, &body))
}

/// Events that are in the log and not yet in the image view.
async fn projection_lag(store: &Store) -> Result<u64, StoreError> {
    let checkpoint = store
        .checkpoint(ImageView::NAME, ImageView::VERSION)
        .await?;
    let head = store.log_head().await?;
    Ok(head.saturating_sub(checkpoint).unsigned_abs())
}
