//! The description of every route as OpenAPI 3.1, made from the route table, and a page to try it.
//!
//! | file | what it holds |
//! | --- | --- |
//! | this one | puts routes and their descriptions together, and serves them |
//! | `operation` | what is said of one route |
//! | `moov`, `uploadcare`, `openstack`, `photolog` | the routes of each dialect, and its types |
//!
//! Paths, methods, credentials and failures come from the table and the dialect; a description
//! adds what only people know. A route without one fails a test.

mod moov;
mod openstack;
mod operation;
mod photolog;
mod uploadcare;

use http::StatusCode;
use http::header::{CONTENT_SECURITY_POLICY, X_CONTENT_TYPE_OPTIONS};
use photolog_domain::Dialect;
use serde_json::{Map, Value, json};

use crate::app::SharedApp;
use crate::error::ApiError;
use crate::http::response::{no_store, set, with_body};
use crate::http::{Request, Response};
use crate::route::Route;
use operation::Operation;

/// Everything in one file, so that it works where nothing else can be reached.
const PAGE: &str = concat!(
    include_str!("page.html"),
    "<style>\n",
    include_str!("page.css"),
    "</style>\n<script>\n",
    include_str!("page.js"),
    "</script>\n",
);
/// The page runs its own script and talks to this server; nothing else.
const PAGE_POLICY: &str = "default-src 'none'; connect-src 'self'; img-src blob:; \
    style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

/// `GET /openapi.json`
pub async fn show(app: SharedApp, _request: Request) -> Result<Response, ApiError> {
    let document = with_body(StatusCode::OK, "application/json", app.openapi.clone());
    Ok(no_store(document))
}

/// `GET /docs`: a page that reads the description and sends requests.
pub async fn page(_app: SharedApp, _request: Request) -> Result<Response, ApiError> {
    let mut response = with_body(StatusCode::OK, "text/html; charset=utf-8", PAGE);
    set(&mut response, CONTENT_SECURITY_POLICY, PAGE_POLICY);
    set(&mut response, X_CONTENT_TYPE_OPTIONS, "nosniff");
    Ok(response)
}

/// The description of these routes, for clients that reach them at `public_url`.
pub fn document(routes: &[Route], public_url: &str) -> Value {
    let mut paths = Map::new();
    for route in routes {
        let Some(operation) = describe(route) else {
            continue;
        };
        let item = paths.entry(path(route)).or_insert_with(|| json!({}));
        item[route.method.as_str().to_ascii_lowercase()] = operation.write(route);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Photolog",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "A self-hosted image service whose truth is an append-only event log.",
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "servers": [{ "url": public_url }],
        "tags": tags(),
        "paths": paths,
        "components": { "schemas": schemas(), "securitySchemes": security_schemes() },
    })
}

fn describe(route: &Route) -> Option<Operation> {
    let method = route.method.as_str();
    match route.dialect {
        Dialect::Moov => moov::describe(method, route.pattern),
        Dialect::Uploadcare => uploadcare::describe(method, route.pattern),
        Dialect::OpenStack => openstack::describe(method, route.pattern),
        Dialect::Photolog | Dialect::Cli => photolog::describe(method, route.pattern),
    }
}

/// The path as the vendor writes it: Uploadcare ends each with a slash, which we do not demand.
fn path(route: &Route) -> String {
    match route.dialect {
        Dialect::Uploadcare => format!("{}/", route.pattern),
        _ => route.pattern.to_owned(),
    }
}

fn tags() -> Value {
    json!([
        { "name": "moov", "description": "Moov images. `HEAD` works wherever `GET` does." },
        { "name": "uploadcare", "description": "Uploadcare file metadata, REST API v0.7." },
        { "name": "openstack", "description": "OpenStack image metadata. The same operations \
            stand under `/v2.1/{tenant}`, `/v2` and `/v2/{tenant}`, and those on metadata also \
            without a prefix." },
        { "name": "photolog", "description": "Our own: the audit, the operator, the edges." },
    ])
}

fn schemas() -> Value {
    let dialects = [
        moov::schemas(),
        uploadcare::schemas(),
        openstack::schemas(),
        photolog::schemas(),
    ];
    let members = dialects.into_iter().filter_map(|dialect| match dialect {
        Value::Object(members) => Some(members),
        _ => None,
    });
    Value::Object(members.flatten().collect())
}

fn security_schemes() -> Value {
    json!({
        "basic": { "type": "http", "scheme": "basic",
            "description": "Key id and secret." },
        "bearer": { "type": "http", "scheme": "bearer",
            "description": "A token of `POST /oauth2/token`." },
        "uploadcare": { "type": "apiKey", "in": "header", "name": "Authorization",
            "description": "`Uploadcare.Simple KEY:SECRET`, or signed: `Uploadcare KEY:SIGNATURE`." },
        "keystone": { "type": "apiKey", "in": "header", "name": "X-Auth-Token",
            "description": "A token of `POST /v3/auth/tokens`, or `KEY:SECRET`." },
        "edge": { "type": "http", "scheme": "bearer",
            "description": "The secret that origin and edges share." },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routes::ROUTES;

    #[test]
    fn every_route_is_described() {
        let missing: Vec<_> = ROUTES
            .iter()
            .filter(|route| describe(route).is_none())
            .map(|route| format!("{} {}", route.method, route.pattern))
            .collect();
        assert!(missing.is_empty(), "no description: {missing:?}");
    }

    #[test]
    fn the_page_needs_nothing_from_elsewhere() {
        for elsewhere in ["http:", "https:", "import ", "@import"] {
            assert!(!PAGE.contains(elsewhere), "{elsewhere}");
        }
    }

    #[test]
    fn every_named_value_of_a_path_is_a_parameter_and_every_reference_leads_somewhere() {
        let document = document(ROUTES, "http://localhost");
        for (path, item) in document["paths"].as_object().unwrap() {
            for operation in item.as_object().unwrap().values() {
                let named = path.split('/').filter(|part| part.starts_with('{'));
                let declared: Vec<_> = operation["parameters"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .filter(|parameter| parameter["in"] == "path")
                    .map(|parameter| format!("{{{}}}", parameter["name"].as_str().unwrap()))
                    .collect();
                assert_eq!(named.collect::<Vec<_>>(), declared, "{path}");
            }
        }
        let text = document.to_string();
        for reference in text.split("\"$ref\":\"#").skip(1) {
            let pointer = reference.split('"').next().unwrap();
            assert!(document.pointer(pointer).is_some(), "{pointer}");
        }
    }
}
