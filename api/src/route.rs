//! One route: a method, a path, and who may use it.

use futures::future::BoxFuture;
use http::Method;
use photolog_domain::Scope;

use crate::app::SharedApp;
use crate::error::ApiError;
use crate::http::{Request, Response};

/// Handles a request of a route.
pub type Handler = fn(SharedApp, Request) -> BoxFuture<'static, Result<Response, ApiError>>;

/// One route.
pub struct Route {
    /// The method; a `GET` route also serves `HEAD`.
    pub method: Method,
    /// The path, with `{names}`.
    pub pattern: &'static str,
    /// Who may use it.
    pub access: Access,
    /// The function that handles its requests.
    pub handler: Handler,
}

/// Who may use a route, which also determines the pool of places for its requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everyone who views a picture.
    Picture,
    /// Everyone: log-in, documents, descriptions.
    Open,
    /// The operator's probes. They are never refused: operators need them most when too much is in
    /// flight, and the responses cost nothing.
    Probe,
    /// Our own edges, by a shared secret.
    Edge,
    /// Callers whose key has this scope.
    Key(Scope),
}

impl Access {
    /// For keys that may read images.
    pub const READ: Self = Self::Key(Scope::ImagesRead);
    /// For keys that may change images.
    pub const WRITE: Self = Self::Key(Scope::ImagesWrite);
    /// For keys that may read the history.
    pub const AUDIT: Self = Self::Key(Scope::HistoryRead);
}

impl Route {
    /// The scope that the caller's key needs; `None` = no key is needed.
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
