//! Photolog's own endpoints: the audit, the edges, developers, the operator.
//!
//! | file | what it holds |
//! | --- | --- |
//! | this one | the dialect and its routes |
//! | [`history`] | who changed what in an image, with the values before and after |
//! | [`feed`] | every event of an account, page by page or live |
//! | [`edge`] | the endpoints that an edge calls on the origin |
//! | [`openapi`] | the description of every route, and a page to try it |
//! | [`front_page`] | what a browser sees at `/`, and a sample picture |
//! | [`health`] | whether this node is alive and ready |
//! | [`error`] | failures: problem details |

pub mod edge;
pub mod error;
pub mod feed;
pub mod front_page;
pub mod health;
pub mod history;
pub mod openapi;

use photolog_domain::DialectName;
use serde_json::json;

use crate::dialect::Dialect;
use crate::dialect::operation::{Description, Operation};
use crate::error::ApiError;
use crate::http::Response;
use crate::route::{Route, route};
use openapi::description;

/// The dialect.
pub struct Photolog;

#[rustfmt::skip]
const ROUTES: &[Route] = &[
    // For our own edges, which authenticate by a shared secret.
    route!(GET "/edge/pointers/{image}", Edge, edge::pointer),
    route!(GET "/edge/masters/{digest}", Edge, edge::master),

    // For auditors.
    route!(GET "/accounts/{account}/images/{image}/history", AUDIT, history::show),
    route!(GET "/accounts/{account}/events", AUDIT, feed::show),

    // For developers.
    route!(GET "/openapi.json", Open, openapi::show),
    route!(GET "/docs", Open, openapi::page),
    route!(GET "/sample.jpg", Open, front_page::sample),

    // For the operator.
    route!(GET "/healthz", Probe, health::healthz),
    route!(GET "/readyz", Probe, health::readyz),
];

impl Dialect for Photolog {
    fn name(&self) -> DialectName {
        DialectName::PHOTOLOG
    }

    fn routes(&self) -> &'static [Route] {
        ROUTES
    }

    fn prefixes(&self) -> &'static [&'static str] {
        &[]
    }

    fn error_response(&self, error: &ApiError) -> Response {
        error::response(error)
    }

    fn describe(&self, route: &Route) -> Option<Operation> {
        description::describe(route.method.as_str(), route.pattern)
    }

    fn description(&self) -> Description {
        Description {
            tag: "photolog",
            about: "Our own: the audit, the operator, the edges.",
            ends_with_slash: false,
            media_type: "application/json",
            failure_media_type: "application/problem+json",
            failure: "Problem",
            credentials: &["basic", "bearer"],
            security_schemes: json!({
                "basic": { "type": "http", "scheme": "basic", "description": "Key id and secret." },
                "bearer": { "type": "http", "scheme": "bearer",
                    "description": "A token of `POST /oauth2/token`." },
                "edge": { "type": "http", "scheme": "bearer",
                    "description": "The secret that origin and edges share." },
            }),
            schemas: description::schemas(),
            parameters: vec![(
                "digest",
                json!({ "type": "string", "pattern": "^[0-9a-f]{64}$" }),
            )],
        }
    }
}
