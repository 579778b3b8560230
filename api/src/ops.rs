//! What the operator's tools ask.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use moka::future::Cache;
use photolog_projector::ImageView;
use photolog_store::{Store, StoreError};
use serde_json::{Value, json};

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
    let readiness = app.readiness.get(&app.store, app.limits.ready_lag).await;
    Ok(json(readiness.status, &readiness.body))
}

/// Whether this node is ready, looked up at most several times a second however many ask: probes are
/// never refused, so they must not cost the database anything.
pub struct Readiness(Cache<(), Arc<Ready>>);

struct Ready {
    status: StatusCode,
    body: Value,
}

impl Default for Readiness {
    fn default() -> Self {
        let lifetime = Duration::from_millis(250);
        Self(Cache::builder().time_to_live(lifetime).build())
    }
}

impl Readiness {
    async fn get(&self, store: &Store, most_lag: u64) -> Arc<Ready> {
        let look = async {
            let (status, body) = match projection_lag(store).await {
                Ok(lag) if lag <= most_lag => (
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
            Arc::new(Ready { status, body })
        };
        self.0.get_with((), look).await
    }
}

/// Events that are in the log and not yet in the image view.
async fn projection_lag(store: &Store) -> Result<u64, StoreError> {
    let checkpoint = store
        .checkpoint(ImageView::NAME, ImageView::VERSION)
        .await?;
    let head = store.log_head().await?;
    Ok(head.saturating_sub(checkpoint).unsigned_abs())
}
