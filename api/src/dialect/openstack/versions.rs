//! The documents by which clients find their way.

use http::StatusCode;
use serde_json::{Value, json};

use crate::app::{App, SharedApp};
use crate::error::ApiError;
use crate::http::response::json;
use crate::http::{Request, Response};

/// `GET /`: what there is, in the form that identity and compute clients both read.
pub async fn all(app: SharedApp, _request: Request) -> Result<Response, ApiError> {
    let body = json!({ "versions": [identity_version(&app), compute_version(&app)] });
    Ok(json(StatusCode::OK, &body))
}

/// `GET /v2.1`: compute. Its image proxies end at microversion 2.35, so we do as well.
pub async fn compute(app: SharedApp, _request: Request) -> Result<Response, ApiError> {
    let body = json!({ "version": compute_version(&app) });
    Ok(json(StatusCode::OK, &body))
}

/// `GET /v3`: identity.
pub async fn identity(app: SharedApp, _request: Request) -> Result<Response, ApiError> {
    let body = json!({ "version": identity_version(&app) });
    Ok(json(StatusCode::OK, &body))
}

fn compute_version(app: &App) -> Value {
    json!({
        "id": "v2.1",
        "status": "CURRENT",
        "version": "2.35",
        "min_version": "2.1",
        "links": [{ "rel": "self", "href": format!("{}/v2.1/", app.public_url) }],
    })
}

fn identity_version(app: &App) -> Value {
    json!({
        "id": "v3.14",
        "status": "stable",
        "links": [{ "rel": "self", "href": format!("{}/v3/", app.public_url) }],
    })
}
