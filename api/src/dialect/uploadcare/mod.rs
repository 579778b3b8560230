//! Uploadcare file metadata (REST API v0.7), as the vendor's clients speak it.
//!
//! | file | what it holds |
//! | --- | --- |
//! | this one | the dialect and its routes |
//! | [`signature`] | the two ways in which a request proves possession of its key |
//! | [`metadata`] | the four metadata operations |
//! | [`files`] | a file's information, and its removal |
//! | [`list`] | the list of files |
//! | [`cors`] | cross-origin requests |
//! | [`wire`] | keys, values and file information in the wire format |
//! | [`error`] | failures: `{"detail"}` |
//! | [`openapi`] | the OpenAPI description of its routes |

pub mod cors;
pub mod error;
pub mod files;
pub mod list;
pub mod metadata;
pub mod openapi;
pub mod signature;
pub mod wire;

use futures::FutureExt;
use futures::future::BoxFuture;
use http::HeaderName;
use photolog_domain::DialectName;
use serde_json::json;

use crate::app::App;
use crate::auth::Caller;
use crate::dialect::Dialect;
use crate::dialect::operation::{Description, Operation, schema};
use crate::error::{ApiError, Kind};
use crate::http::places::Place;
use crate::http::response::set;
use crate::http::{Request, RequestId, Response};
use crate::route::{Route, route};
use wire::MEDIA_TYPE;

/// The dialect.
pub struct Uploadcare;

#[rustfmt::skip]
const ROUTES: &[Route] = &[
    route!(GET    "/files", READ, list::list),
    route!(GET    "/files/{image}", READ, files::show),
    route!(DELETE "/files/{image}/storage", WRITE, files::remove),
    route!(GET    "/files/{image}/metadata", READ, metadata::all),
    route!(GET    "/files/{image}/metadata/{key}", READ, metadata::one),
    route!(PUT    "/files/{image}/metadata/{key}", WRITE, metadata::set),
    route!(DELETE "/files/{image}/metadata/{key}", WRITE, metadata::delete),
];

impl Dialect for Uploadcare {
    fn name(&self) -> DialectName {
        DialectName::UPLOADCARE
    }

    fn routes(&self) -> &'static [Route] {
        ROUTES
    }

    fn prefixes(&self) -> &'static [&'static str] {
        &["files"]
    }

    fn error_response(&self, error: &ApiError) -> Response {
        error::response(error)
    }

    /// A client may accept version 0.7 or any JSON.
    fn check_version(&self, request: &Request) -> Result<(), ApiError> {
        let Some(accept) = request.header("accept") else {
            return Ok(());
        };
        let takes_ours = accept
            .split(',')
            .filter_map(|range| range.split(';').next())
            .any(|range| {
                [MEDIA_TYPE, "application/json", "application/*", "*/*"]
                    .iter()
                    .any(|ours| range.trim().eq_ignore_ascii_case(ours))
            });
        if takes_ours {
            Ok(())
        } else {
            Err(ApiError::new(
                Kind::NotAcceptable,
                "Could not satisfy the request Accept header.",
            ))
        }
    }

    fn authenticate<'a>(
        &'a self,
        app: &'a App,
        request: &'a mut Request,
        checking: Place,
    ) -> BoxFuture<'a, Result<Caller, ApiError>> {
        signature::authenticate(app, request, checking).boxed()
    }

    fn preflight(&self) -> Option<fn(&str) -> Response> {
        Some(cors::preflight)
    }

    fn decorate(&self, response: &mut Response, id: &RequestId, allow: &dyn Fn() -> String) {
        cors::share(response, &allow());
        let name = HeaderName::from_static("x-uploadcare-request-id");
        set(response, name, id.as_str());
    }

    fn describe(&self, route: &Route) -> Option<Operation> {
        openapi::describe(route.method.as_str(), route.pattern)
    }

    fn description(&self) -> Description {
        Description {
            tag: "uploadcare",
            about: "Uploadcare file metadata, REST API v0.7.",
            ends_with_slash: true,
            media_type: MEDIA_TYPE,
            failure_media_type: MEDIA_TYPE,
            failure: "UploadcareError",
            credentials: &["uploadcare"],
            security_schemes: json!({
                "uploadcare": { "type": "apiKey", "in": "header", "name": "Authorization",
                    "description":
                        "`Uploadcare.Simple KEY:SECRET`, or signed: `Uploadcare KEY:SIGNATURE`." },
            }),
            schemas: openapi::schemas(),
            parameters: vec![("key", schema("UploadcareKey"))],
        }
    }
}
