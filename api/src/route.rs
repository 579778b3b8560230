//! One route: a method, a path, a dialect, and who may take it.

use futures::future::BoxFuture;
use http::Method;
use photolog_domain::{Dialect, Scope};

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
    /// The dialect: whose credentials, whose errors.
    pub dialect: Dialect,
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

impl Route {
    /// What the caller's key must be allowed; `None` = no key is needed.
    pub fn scope(&self) -> Option<Scope> {
        match self.access {
            Access::Key(scope) => Some(scope),
            _ => None,
        }
    }
}
