//! The version documents that clients use for discovery.

use http::StatusCode;
use http::header::VARY;
use serde_json::{Value, json};

use crate::app::{App, SharedApp};
use crate::dialect::photolog::front_page;
use crate::error::ApiError;
use crate::http::response::{json, set};
use crate::http::{Request, Response};

/// `GET /`: the front page for browsers; for other clients the available versions, in a form that
/// identity and compute clients can both read.
pub async fn all(app: SharedApp, request: Request) -> Result<Response, ApiError> {
    let mut response = if front_page::is_wanted(&request) {
        front_page::page(&app.public_url)
    } else {
        let body = json!({ "versions": [identity_version(&app), compute_version(&app)] });
        json(StatusCode::OK, &body)
    };
    set(&mut response, VARY, "Accept");
    Ok(response)
}

/// `GET /v2.1`: compute. Nova's image proxies end at microversion 2.35, so this does too.
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
