//! OpenStack (and Rackspace) image metadata, as compute clients speak it.
//!
//! | file | what it holds |
//! | --- | --- |
//! | this one | the dialect, its routes and prefixes |
//! | [`metadata`] | the six metadata operations |
//! | [`images`] | the lists, image details |
//! | [`identity`] | just enough Keystone v3 for clients to log in |
//! | [`versions`] | the version documents that clients use for discovery |
//! | [`wire`] | bodies, keys and values |
//! | [`error`] | faults |
//! | [`openapi`] | the OpenAPI description of its routes |

pub mod error;
pub mod identity;
pub mod images;
pub mod metadata;
pub mod openapi;
pub mod versions;
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
use crate::error::ApiError;
use crate::http::places::Place;
use crate::http::response::set;
use crate::http::{Request, RequestId, Response};
use crate::route::{Route, route};

/// The dialect.
pub struct OpenStack;

/// [`canonical`] rewrites the other prefixes to these.
#[rustfmt::skip]
const ROUTES: &[Route] = &[
    route!(GET    "/v2.1/images/{image}/metadata", READ, metadata::all),
    route!(POST   "/v2.1/images/{image}/metadata", WRITE, metadata::merge),
    route!(PUT    "/v2.1/images/{image}/metadata", WRITE, metadata::replace),
    route!(GET    "/v2.1/images/{image}/metadata/{key}", READ, metadata::one),
    route!(PUT    "/v2.1/images/{image}/metadata/{key}", WRITE, metadata::set),
    route!(DELETE "/v2.1/images/{image}/metadata/{key}", WRITE, metadata::delete),
    route!(GET    "/v2.1/images", READ, images::list),
    route!(GET    "/v2.1/images/detail", READ, images::list_details),
    route!(GET    "/v2.1/images/{image}", READ, images::show),
    route!(GET    "/v2.1", Open, versions::compute),
    route!(GET    "/v3", Open, versions::identity),
    route!(POST   "/v3/auth/tokens", Open, identity::issue_token),
    // Browsers get the front page here.
    route!(GET    "/", Open, versions::all),
];

impl Dialect for OpenStack {
    fn name(&self) -> DialectName {
        DialectName::OPENSTACK
    }

    fn routes(&self) -> &'static [Route] {
        ROUTES
    }

    fn prefixes(&self) -> &'static [&'static str] {
        &["v2", "v2.1", "v3"]
    }

    fn error_response(&self, error: &ApiError) -> Response {
        error::response(error)
    }

    fn rewrite<'a>(&self, path: &[&'a str]) -> Option<(Vec<&'a str>, Option<&'a str>)> {
        canonical(path)
    }

    fn check_tenant(&self, tenant: &str, caller: &Caller) -> Result<(), ApiError> {
        if identity::is_project(tenant, caller.account) {
            Ok(())
        } else {
            Err(ApiError::not_found("project not found"))
        }
    }

    /// Reads `X-Auth-Token`: an access token, or a key's `id:secret` for clients with a fixed token.
    fn authenticate<'a>(
        &'a self,
        app: &'a App,
        request: &'a mut Request,
        _checking: Place,
    ) -> BoxFuture<'a, Result<Caller, ApiError>> {
        async {
            let token = request
                .header("x-auth-token")
                .ok_or_else(|| ApiError::unauthenticated().because("missing"))?;
            match token.split_once(':') {
                Some((key_id, secret)) => app.auth.by_secret(key_id, secret).await,
                None => app.auth.by_token(token).await,
            }
        }
        .boxed()
    }

    fn decorate(&self, response: &mut Response, id: &RequestId, _allow: &dyn Fn() -> String) {
        let name = HeaderName::from_static("x-compute-request-id");
        set(response, name, id.as_str());
    }

    fn describe(&self, route: &Route) -> Option<Operation> {
        openapi::describe(route.method.as_str(), route.pattern)
    }

    fn description(&self) -> Description {
        Description {
            tag: "openstack",
            about: "OpenStack image metadata. The same operations stand under `/v2.1/{tenant}`, `/v2` \
                and `/v2/{tenant}`, and those on metadata also without a prefix.",
            ends_with_slash: false,
            media_type: "application/json",
            failure_media_type: "application/json",
            failure: "OpenStackFault",
            credentials: &["keystone"],
            security_schemes: json!({
                "keystone": { "type": "apiKey", "in": "header", "name": "X-Auth-Token",
                    "description": "A token of `POST /v3/auth/tokens`, or `KEY:SECRET`." },
            }),
            schemas: openapi::schemas(),
            parameters: vec![("key", schema("OpenStackKey"))],
        }
    }
}

/// Rewrites a path to the only prefix that the routes have, and returns the tenant that it names;
/// `None` when the path has none of our prefixes.
///
/// The same operations are available under `/v2.1`, `/v2.1/{tenant}`, `/v2` and `/v2/{tenant}`, and
/// those on metadata also without a prefix; the routes contain only `/v2.1/…`.
fn canonical<'a>(path: &[&'a str]) -> Option<(Vec<&'a str>, Option<&'a str>)> {
    let (rest, tenant) = match path {
        ["v2.1" | "v2", tenant, rest @ ..] if *tenant != "images" => (rest, Some(*tenant)),
        ["v2.1" | "v2", rest @ ..] => (rest, None),
        ["images", _, "metadata", ..] => (path, None),
        _ => return None,
    };
    let path = ["v2.1"].into_iter().chain(rest.iter().copied());
    Some((path.collect(), tenant))
}

#[cfg(test)]
mod tests {
    use super::canonical;

    #[test]
    fn every_prefix_has_one_form() {
        let metadata = vec!["v2.1", "images", "1", "metadata"];
        for (path, tenant) in [
            (vec!["v2.1", "images", "1", "metadata"], None),
            (vec!["v2.1", "t", "images", "1", "metadata"], Some("t")),
            (vec!["v2", "images", "1", "metadata"], None),
            (vec!["v2", "t", "images", "1", "metadata"], Some("t")),
            (vec!["images", "1", "metadata"], None),
        ] {
            assert_eq!(
                canonical(&path),
                Some((metadata.clone(), tenant)),
                "{path:?}"
            );
        }
        assert_eq!(canonical(&["v2"]), Some((vec!["v2.1"], None)));
        for other in [
            vec!["images", "1"],
            vec!["files", "1", "metadata"],
            vec!["v3"],
        ] {
            assert_eq!(canonical(&other), None);
        }
    }
}
