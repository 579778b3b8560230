//! A dialect is a wire format over our commands: routes, credentials, wire types and an error writer.
//! It holds no rule; rules are the domain's.
//!
//! A dialect is a folder here and a line in [`DIALECTS`](crate::routes::DIALECTS).

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

/// A wire format. What is not said here is as our own endpoints have it.
pub trait Dialect: Send + Sync {
    /// Its name in events and metrics.
    fn name(&self) -> DialectName;

    /// Its routes. The first that fits wins, so the busiest stands first.
    fn routes(&self) -> &'static [Route];

    /// First parts of paths that are this dialect's even where no route fits.
    fn prefixes(&self) -> &'static [&'static str];

    /// A failure in the dialect's own shape.
    fn error_response(&self, error: &ApiError) -> Response;

    /// What its routes have in common, for `/openapi.json`.
    fn description(&self) -> Description;

    /// What people must know of one of its routes, for `/openapi.json`.
    fn describe(&self, route: &Route) -> Option<Operation>;

    /// A path in the form that the routes have, and the tenant that it names; `None` when it is in
    /// that form.
    fn rewrite<'a>(&self, _path: &[&'a str]) -> Option<(Vec<&'a str>, Option<&'a str>)> {
        None
    }

    /// Checks that the client can live with the version that we speak.
    ///
    /// # Errors
    /// When it cannot.
    fn check_version(&self, _request: &Request) -> Result<(), ApiError> {
        Ok(())
    }

    /// The caller, by the request's credentials; `checking` is the place in which they are checked.
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

    /// Checks that the tenant that the path names is the caller's.
    ///
    /// # Errors
    /// `NotFound`.
    fn check_tenant(&self, _tenant: &str, _caller: &Caller) -> Result<(), ApiError> {
        Err(ApiError::not_found("there is nothing at this path"))
    }

    /// Writes the answer to `OPTIONS` at a path that takes these methods; `None` when `OPTIONS` is not
    /// allowed.
    fn preflight(&self) -> Option<fn(allow: &str) -> Response> {
        None
    }

    /// Adds what every answer carries, failures as well; `allow` finds the methods that the path takes.
    fn decorate(&self, _response: &mut Response, _id: &RequestId, _allow: &dyn Fn() -> String) {}
}

/// What a page of so many images takes in memory: as rows, as values and as text.
pub(crate) fn page_memory(images: u64) -> u64 {
    /// An image with all the metadata that it may have.
    const LARGEST_IMAGE: u64 = 100 << 10;
    3 * (images * LARGEST_IMAGE).min(ImagePage::MOST_BYTES as u64)
}
