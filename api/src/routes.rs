//! All dialects, and the matching of requests to routes. The rest of a request's processing is in
//! [`pipeline`](crate::pipeline).

use std::borrow::Cow;

use http::Method;

use crate::dialect::Dialect;
use crate::dialect::moov::Moov;
use crate::dialect::openstack::OpenStack;
use crate::dialect::photolog::Photolog;
use crate::dialect::uploadcare::Uploadcare;
use crate::error::{ApiError, Kind};
use crate::http::path::{Parameters, matches, segments};
use crate::route::Route;

/// Every supported dialect. The first matching route wins, so the busiest dialect comes first.
pub static DIALECTS: &[&dyn Dialect] = &[&Moov, &Uploadcare, &OpenStack, &Photolog];

/// The dialects of a server, in the order in which their routes are tried.
#[derive(Clone, Copy)]
pub struct Dialects(pub &'static [&'static dyn Dialect]);

/// The route of a request with the values of its `{names}`, or the error when there is none.
pub type Found = Result<(&'static Route, Parameters), ApiError>;

/// A route that fits a path, whatever the method.
struct Fitting<'a> {
    dialect: &'static dyn Dialect,
    route: &'static Route,
    /// The path in the form that the dialect's routes have, and the tenant that it named.
    path: Cow<'a, [&'a str]>,
    tenant: Option<&'a str>,
}

impl Dialects {
    /// The route for a request, or an error when there is none, and the dialect in whose format to
    /// report it.
    pub fn find(self, method: &Method, path: &str) -> (&'static dyn Dialect, Found) {
        let path = segments(path);
        let wanted = match method {
            &Method::HEAD => &Method::GET,
            method => method,
        };
        let mut other = None;
        for Fitting {
            dialect,
            route,
            path,
            tenant,
        } in self.fitting(&path)
        {
            if route.method == *wanted {
                let parameters = Parameters::read(route.pattern, &path, tenant);
                return (dialect, parameters.map(|values| (route, values)));
            }
            other.get_or_insert(dialect);
        }
        match other {
            Some(dialect) => {
                let allow = self.allowed(&path);
                let refused = format!("method {method} is not allowed here");
                let kind = Kind::MethodNotAllowed { allow };
                (dialect, Err(ApiError::new(kind, refused)))
            }
            None => {
                let nothing = ApiError::not_found("there is nothing at this path");
                (self.of_prefix(&path), Err(nothing))
            }
        }
    }

    /// The methods of a path, in the format of `Allow`; empty when there is no such path.
    pub fn allowed(self, path: &[&str]) -> String {
        let mut methods = Vec::new();
        for Fitting { dialect, route, .. } in self.fitting(path) {
            methods.push(route.method.as_str());
            if route.method == Method::GET {
                methods.push("HEAD");
            }
            if dialect.preflight().is_some() {
                methods.push("OPTIONS");
            }
        }
        methods.sort_unstable();
        methods.dedup();
        methods.join(", ")
    }

    fn fitting<'a>(self, path: &'a [&'a str]) -> impl Iterator<Item = Fitting<'a>> {
        self.0.iter().flat_map(move |dialect| {
            let (path, tenant) = match dialect.rewrite(path) {
                Some((rewritten, tenant)) => (Cow::Owned(rewritten), tenant),
                None => (Cow::Borrowed(path), None),
            };
            let given = path.clone();
            let fits = move |route: &&'static Route| matches(route.pattern, &given);
            let routes = dialect.routes().iter().filter(fits);
            routes.map(move |route| Fitting {
                dialect: *dialect,
                route,
                path: path.clone(),
                tenant,
            })
        })
    }

    /// The dialect in whose format to respond at a path without a route.
    fn of_prefix(self, path: &[&str]) -> &'static dyn Dialect {
        let first = path.first().copied().unwrap_or_default();
        let own = |dialect: &&&'static dyn Dialect| dialect.prefixes().contains(&first);
        self.0.iter().find(own).copied().unwrap_or(&Photolog)
    }
}
