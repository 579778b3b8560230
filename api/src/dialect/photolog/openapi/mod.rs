//! The OpenAPI 3.1 description of every route, generated from the routes of all dialects, and a
//! page to try it.
//!
//! Paths, methods, credentials and failures are taken from the routes and their dialects; each
//! route's description adds what cannot be derived. A route without a description fails a test.

pub mod description;

use http::StatusCode;
use http::header::{CONTENT_SECURITY_POLICY, X_CONTENT_TYPE_OPTIONS};
use serde_json::{Map, Value, json};

use crate::app::SharedApp;
use crate::dialect::Dialect;
use crate::dialect::operation::Description;
use crate::error::ApiError;
use crate::http::response::{no_store, set, with_body};
use crate::http::{Request, Response};

/// The whole page in one file, so that it works without access to any other server.
const PAGE: &str = concat!(
    include_str!("page.html"),
    "<style>\n",
    include_str!("page.css"),
    "</style>\n<script>\n",
    include_str!("page.js"),
    "</script>\n",
);
/// The page runs its own script and connects to this server only.
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

/// The OpenAPI document of these dialects, for clients that reach them at `public_url`.
pub fn document(dialects: &[&dyn Dialect], public_url: &str) -> Value {
    let described: Vec<_> = dialects
        .iter()
        .map(|dialect| (dialect, dialect.description()))
        .collect();
    let mut paths = Map::new();
    for (dialect, description) in &described {
        for route in dialect.routes() {
            let Some(operation) = dialect.describe(route) else {
                continue;
            };
            let slash = if description.ends_with_slash { "/" } else { "" };
            let path = format!("{}{slash}", route.pattern);
            let item = paths.entry(path).or_insert_with(|| json!({}));
            let method = route.method.as_str().to_ascii_lowercase();
            item[method] = operation.write(route, description);
        }
    }
    let descriptions = described.iter().map(|(_, description)| description);
    let tags: Vec<_> = descriptions
        .clone()
        .map(|dialect| json!({ "name": dialect.tag, "description": dialect.about }))
        .collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Photolog",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "A self-hosted image service whose source of truth is an append-only event log.",
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "servers": [{ "url": public_url }],
        "tags": tags,
        "paths": paths,
        "components": {
            "schemas": merged(descriptions.clone(), |dialect| &dialect.schemas),
            "securitySchemes": merged(descriptions, |dialect| &dialect.security_schemes),
        },
    })
}

fn merged<'a>(
    dialects: impl Iterator<Item = &'a Description>,
    part: fn(&Description) -> &Value,
) -> Value {
    let objects = dialects.filter_map(|dialect| part(dialect).as_object());
    Value::Object(
        objects
            .flatten()
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routes::DIALECTS;

    #[test]
    fn every_route_is_described() {
        let missing: Vec<_> = DIALECTS
            .iter()
            .flat_map(|dialect| dialect.routes().iter().map(move |route| (dialect, route)))
            .filter(|(dialect, route)| dialect.describe(route).is_none())
            .map(|(_, route)| format!("{} {}", route.method, route.pattern))
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
        let document = document(DIALECTS, "http://localhost");
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
