//! A dialect is a wire format for our commands: routes, credentials, wire types and an error
//! writer. It contains no rules; those belong to the domain.
//!
//! Adding a dialect takes a folder here and a line in [`DIALECTS`](crate::routes::DIALECTS).

pub mod answer;
pub mod command;
pub mod moov;
pub mod openstack;
pub mod operation;
pub mod photolog;
pub mod unique;
pub mod uploadcare;

use futures::FutureExt;
use futures::future::BoxFuture;
use photolog_domain::DialectName;
use photolog_store::ImagePage;

use crate::app::App;
use crate::auth::Caller;
use crate::error::ApiError;
use crate::http::places::Place;
use crate::http::{Request, RequestId, Response};
use crate::route::Route;
use operation::{Description, Operation};

/// A wire format. The default methods behave as our own endpoints do.
pub trait Dialect: Send + Sync {
    /// Its name in events and metrics.
    fn name(&self) -> DialectName;

    /// Its routes. The first match wins, so the busiest route comes first.
    fn routes(&self) -> &'static [Route];

    /// First path segments that belong to this dialect even where no route matches.
    fn prefixes(&self) -> &'static [&'static str];

    /// The response for a failure, in the dialect's own format.
    fn error_response(&self, error: &ApiError) -> Response;

    /// What its routes have in common, for `/openapi.json`.
    fn description(&self) -> Description;

    /// The description of one of its routes, for `/openapi.json`.
    fn describe(&self, route: &Route) -> Option<Operation>;

    /// Rewrites a path to the form that the routes have, and returns the tenant that it names;
    /// `None` when it already has that form.
    fn rewrite<'a>(&self, _path: &[&'a str]) -> Option<(Vec<&'a str>, Option<&'a str>)> {
        None
    }

    /// Checks that the client accepts the version that we implement.
    ///
    /// # Errors
    /// When it does not.
    fn check_version(&self, _request: &Request) -> Result<(), ApiError> {
        Ok(())
    }

    /// Authenticates the caller from the request's credentials; `checking` is the permit held
    /// meanwhile.
    ///
    /// # Errors
    /// `Unauthenticated`, or `Forbidden` when the account is not open.
    fn authenticate<'a>(
        &'a self,
        app: &'a App,
        request: &'a mut Request,
        _checking: Place,
    ) -> BoxFuture<'a, Result<Caller, ApiError>> {
        app.auth.basic_or_bearer(&request.headers).boxed()
    }

    /// Checks that the tenant named in the path is the caller's.
    ///
    /// # Errors
    /// `NotFound`.
    fn check_tenant(&self, _tenant: &str, _caller: &Caller) -> Result<(), ApiError> {
        Err(ApiError::not_found("there is nothing at this path"))
    }

    /// A function that writes the response to `OPTIONS` at a path that allows these methods; `None`
    /// when `OPTIONS` is not allowed.
    fn preflight(&self) -> Option<fn(allow: &str) -> Response> {
        None
    }

    /// Adds the headers that every response carries, including failures; `allow` finds the methods
    /// that the path allows.
    fn decorate(&self, _response: &mut Response, _id: &RequestId, _allow: &dyn Fn() -> String) {}
}

/// The memory that a page of this many images takes as rows, values and text.
pub(crate) fn page_memory(images: u64) -> u64 {
    /// An image with the maximum amount of metadata.
    const LARGEST_IMAGE: u64 = 100 << 10;
    3 * (images * LARGEST_IMAGE).min(ImagePage::MOST_BYTES as u64)
}
