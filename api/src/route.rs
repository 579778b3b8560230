//! One route: a method, a path, and who may take it.

use futures::future::BoxFuture;
use http::Method;
use photolog_domain::Scope;

use crate::app::SharedApp;
use crate::error::ApiError;
use crate::http::{Request, Response};

/// What a route does with a request.
pub type Handler = fn(SharedApp, Request) -> BoxFuture<'static, Result<Response, ApiError>>;

/// One route.
pub struct Route {
    /// The method; a `GET` route answers `HEAD` as well.
    pub method: Method,
    /// The path, with `{names}`.
    pub pattern: &'static str,
    /// Who may take it.
    pub access: Access,
    /// What it does.
    pub handler: Handler,
}

/// Who may take a route, and so which pool of places its requests have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everybody, who wants to see a picture.
    Picture,
    /// Everybody: log-in, documents, descriptions.
    Open,
    /// The operator's probes. They are never refused: operators look in most of all when too much
    /// is in flight, and the answers cost nothing.
    Probe,
    /// Our own edges, by a shared secret.
    Edge,
    /// Callers whose key has a scope.
    Key(Scope),
}

impl Access {
    /// For keys that may read images.
    pub const READ: Self = Self::Key(Scope::ImagesRead);
    /// For keys that may change images.
    pub const WRITE: Self = Self::Key(Scope::ImagesWrite);
    /// For keys that may read who did what.
    pub const AUDIT: Self = Self::Key(Scope::HistoryRead);
}

impl Route {
    /// What the caller's key must be allowed; `None` = no key is needed.
    pub fn scope(&self) -> Option<Scope> {
        match self.access {
            Access::Key(scope) => Some(scope),
            _ => None,
        }
    }
}

/// A route of a dialect: `route!(GET "/files/{image}", READ, files::show)`.
macro_rules! route {
    ($method:ident $pattern:literal, $access:ident, $handler:path) => {
        $crate::route::Route {
            method: http::Method::$method,
            pattern: $pattern,
            access: $crate::route::Access::$access,
            handler: |app, request| futures::FutureExt::boxed($handler(app, request)),
        }
    };
}
pub(crate) use route;
