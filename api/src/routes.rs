//! Every route on one screen, and the way of a request through them: match, authenticate,
//! count, check the account and the scope, handle, write failures in the door's own shape.

use std::panic::AssertUnwindSafe;
use std::time::Instant;

use futures::FutureExt;
use futures::future::BoxFuture;
use http::header::ALLOW;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use photolog_domain::{Dialect, Scope};
use tracing::Instrument;
use warp::path::FullPath;
use warp::{Filter, Rejection, Reply};

use crate::app::SharedApp;
use crate::auth::rate::Allowance;
use crate::dialect::{self, moov, openstack, uploadcare};
use crate::edge;
use crate::error::{ApiError, Kind};
use crate::feed;
use crate::history;
use crate::http::observation::Observation;
use crate::http::path::{Parameters, Query, matches, segments};
use crate::http::response::{set, set_allowance};
use crate::http::{Request, RequestBody, RequestId, Response};
use crate::openapi;
use crate::ops;
use crate::picture::public;

type Handler = fn(SharedApp, Request) -> BoxFuture<'static, Result<Response, ApiError>>;

/// One route.
pub struct Route {
    /// The method; a `GET` route answers `HEAD` as well.
    pub method: Method,
    /// The path, with `{names}`.
    pub pattern: &'static str,
    /// The door: whose credentials, whose errors.
    pub dialect: Dialect,
    /// What the caller's key must be allowed; `None` = no credentials needed.
    pub scope: Option<Scope>,
    handler: Handler,
}

impl Route {
    /// Whether it is turned away when too much is in flight. Operators look in most of all then,
    /// and their answers cost nothing.
    fn is_shed(&self) -> bool {
        self.dialect != Dialect::Photolog || self.scope.is_some()
    }
}

macro_rules! route {
    ($method:ident $pattern:literal, $dialect:ident, $scope:expr, $handler:path) => {
        Route {
            method: Method::$method,
            pattern: $pattern,
            dialect: Dialect::$dialect,
            scope: $scope,
            handler: |app, request| $handler(app, request).boxed(),
        }
    };
}

const READ: Option<Scope> = Some(Scope::ImagesRead);
const WRITE: Option<Scope> = Some(Scope::ImagesWrite);
const AUDIT: Option<Scope> = Some(Scope::HistoryRead);

/// The route table. The first fit wins, so the busiest route stands first.
#[rustfmt::skip]
pub const ROUTES: &[Route] = &[
    // Everybody: pictures at their public links.
    route!(GET "/images/{image}", Moov, None, public::show),

    // Moov images.
    route!(GET    "/accounts/{account}/images", Moov, READ, moov::images::list),
    route!(POST   "/accounts/{account}/images", Moov, WRITE, moov::images::upload),
    route!(GET    "/accounts/{account}/images/{image}", Moov, READ, moov::images::show),
    route!(PUT    "/accounts/{account}/images/{image}", Moov, WRITE, moov::images::replace),
    route!(DELETE "/accounts/{account}/images/{image}", Moov, WRITE, moov::images::disable),
    route!(PUT    "/accounts/{account}/images/{image}/metadata", Moov, WRITE, moov::metadata::replace),
    route!(POST   "/oauth2/token", Moov, None, moov::token::issue),
    route!(POST   "/oauth2/revoke", Moov, None, moov::revoke::revoke),

    // Uploadcare file metadata.
    route!(GET    "/files", Uploadcare, READ, uploadcare::list::list),
    route!(GET    "/files/{image}", Uploadcare, READ, uploadcare::files::show),
    route!(DELETE "/files/{image}/storage", Uploadcare, WRITE, uploadcare::files::remove),
    route!(GET    "/files/{image}/metadata", Uploadcare, READ, uploadcare::metadata::all),
    route!(GET    "/files/{image}/metadata/{key}", Uploadcare, READ, uploadcare::metadata::one),
    route!(PUT    "/files/{image}/metadata/{key}", Uploadcare, WRITE, uploadcare::metadata::set),
    route!(DELETE "/files/{image}/metadata/{key}", Uploadcare, WRITE, uploadcare::metadata::delete),

    // OpenStack image metadata; `openstack::canonical` brings its other prefixes here.
    route!(GET    "/v2.1/images/{image}/metadata", OpenStack, READ, openstack::metadata::all),
    route!(POST   "/v2.1/images/{image}/metadata", OpenStack, WRITE, openstack::metadata::merge),
    route!(PUT    "/v2.1/images/{image}/metadata", OpenStack, WRITE, openstack::metadata::replace),
    route!(GET    "/v2.1/images/{image}/metadata/{key}", OpenStack, READ, openstack::metadata::one),
    route!(PUT    "/v2.1/images/{image}/metadata/{key}", OpenStack, WRITE, openstack::metadata::set),
    route!(DELETE "/v2.1/images/{image}/metadata/{key}", OpenStack, WRITE, openstack::metadata::delete),
    route!(GET    "/v2.1/images", OpenStack, READ, openstack::images::list),
    route!(GET    "/v2.1/images/detail", OpenStack, READ, openstack::images::list_details),
    route!(GET    "/v2.1/images/{image}", OpenStack, READ, openstack::images::show),
    route!(GET    "/v2.1", OpenStack, None, openstack::versions::compute),
    route!(GET    "/v3", OpenStack, None, openstack::versions::identity),
    route!(POST   "/v3/auth/tokens", OpenStack, None, openstack::identity::issue_token),
    route!(GET    "/", OpenStack, None, openstack::versions::all),

    // Our own edges, by a shared secret that the handlers check.
    route!(GET "/edge/pointers/{image}", Photolog, None, edge::pointer),
    route!(GET "/edge/masters/{digest}", Photolog, None, edge::master),

    // Auditors.
    route!(GET "/accounts/{account}/images/{image}/history", Photolog, AUDIT, history::show),
    route!(GET "/accounts/{account}/events", Photolog, AUDIT, feed::show),

    // Developers.
    route!(GET "/openapi.json", Photolog, None, openapi::show),
    route!(GET "/docs", Photolog, None, openapi::page),

    // The operator.
    route!(GET "/healthz", Photolog, None, ops::healthz),
    route!(GET "/readyz", Photolog, None, ops::readyz),
];

/// The whole API as one warp filter.
pub fn filter(
    app: SharedApp,
) -> impl Filter<Extract = (impl Reply,), Error = Rejection> + Clone + Send + Sync + 'static {
    let query = warp::query::raw().or(warp::any().map(String::new)).unify();
    warp::method()
        .and(warp::path::full())
        .and(query)
        .and(warp::header::headers_cloned())
        .and(warp::body::stream())
        .then(
            move |method, path: FullPath, query: String, headers, body| {
                let app = app.clone();
                let body = RequestBody::new(body, app.limits.body_timeout);
                async move { answer(app, method, path.as_str(), &query, headers, body).await }
            },
        )
}

async fn answer(
    app: SharedApp,
    method: Method,
    path: &str,
    query: &str,
    headers: HeaderMap,
    body: RequestBody,
) -> Response {
    let id = RequestId::of(&headers);
    let (dialect, found) = find(&method, path);
    let pattern = found.as_ref().map_or("none", |(route, _)| route.pattern);
    let observed = Observation::begin(&method, &headers, &id, dialect, pattern);
    let asks_ahead = dialect == Dialect::Uploadcare && method == Method::OPTIONS;
    let mut allowance = None;
    let handled = async {
        let (route, parameters) = found?;
        let _place = route.is_shed().then(|| app.load.enter()).transpose()?;
        let mut request = Request {
            method,
            target: join(path, query),
            parameters,
            query: Query::read(query)?,
            headers,
            body,
            id: id.clone(),
            dialect,
            caller: None,
        };
        admit(&app, route, &mut request, &mut allowance).await?;
        (route.handler)(app.clone(), request).await
    };
    let handled = async {
        match AssertUnwindSafe(handled).catch_unwind().await {
            Ok(Ok(response)) => response,
            Ok(Err(ApiError {
                kind: Kind::MethodNotAllowed { allow },
                ..
            })) if asks_ahead => uploadcare::cors::preflight(&allow),
            Ok(Err(error)) => refuse(dialect, &error),
            Err(_) => refuse(dialect, &ApiError::internal("a handler panicked")),
        }
    };
    let mut response = handled.instrument(observed.span.clone()).await;
    if let Some(allowance) = &allowance {
        set_allowance(&mut response, allowance);
    }
    if dialect == Dialect::Uploadcare {
        uploadcare::cors::share(&mut response, &allowed(&segments(path)));
    }
    // One value under the three names by which the vendors' clients know it.
    if let Ok(value) = HeaderValue::from_str(id.as_str()) {
        for name in [
            "x-request-id",
            "x-compute-request-id",
            "x-uploadcare-request-id",
        ] {
            response
                .headers_mut()
                .insert(HeaderName::from_static(name), value.clone());
        }
    }
    observed.end(&response);
    response
}

fn refuse(dialect: Dialect, error: &ApiError) -> Response {
    error.log();
    let mut response = dialect::error_response(dialect, error);
    if let Kind::MethodNotAllowed { allow } = &error.kind {
        set(&mut response, ALLOW, allow);
    }
    response
}

/// The route for a request; when there is none, whose words to say so in.
fn find(method: &Method, path: &str) -> (Dialect, Result<(&'static Route, Parameters), ApiError>) {
    let (path, tenant) = openstack::canonical(&segments(path));
    let wanted = if method == Method::HEAD {
        &Method::GET
    } else {
        method
    };
    let mut fitting = fitting(&path).peekable();
    let Some(first) = fitting.peek() else {
        let nothing = ApiError::not_found("there is nothing at this path");
        return (dialect::of_path(&path), Err(nothing));
    };
    let dialect = first.dialect;
    match fitting.find(|route| route.method == *wanted) {
        Some(route) => {
            let parameters = Parameters::read(route.pattern, &path, tenant);
            (route.dialect, parameters.map(|values| (route, values)))
        }
        None => {
            let allow = allowed(&path);
            let refused = format!("method {method} is not allowed here");
            let kind = Kind::MethodNotAllowed { allow };
            (dialect, Err(ApiError::new(kind, refused)))
        }
    }
}

fn fitting(path: &[&str]) -> impl Iterator<Item = &'static Route> {
    ROUTES.iter().filter(|route| matches(route.pattern, path))
}

/// The methods that a path takes, as `Allow` has them; empty when there is no such path.
fn allowed(path: &[&str]) -> String {
    let mut methods = Vec::new();
    for route in fitting(path) {
        methods.push(route.method.as_str());
        if route.method == Method::GET {
            methods.push("HEAD");
        }
        if route.dialect == Dialect::Uploadcare {
            methods.push("OPTIONS");
        }
    }
    methods.sort_unstable();
    methods.dedup();
    methods.join(", ")
}

/// The one place where credentials, rate, tenant and scope are checked.
async fn admit(
    app: &SharedApp,
    route: &Route,
    request: &mut Request,
    allowance: &mut Option<Allowance>,
) -> Result<(), ApiError> {
    dialect::check_version(request)?;
    let Some(scope) = route.scope else {
        return Ok(());
    };
    let caller = dialect::authenticate(app, request).await?;
    let counted = app.rates.count(&caller.key_id, Instant::now());
    *allowance = counted.unwrap_or_else(Some);
    counted.map_err(|over| {
        let retry_after = over.reset_seconds();
        ApiError::new(
            Kind::RateLimited { retry_after },
            format!("at most {} requests a second", over.per_second),
        )
    })?;
    if route.pattern.contains("{account}") {
        caller.owns(request.parameters.get("account"))?;
    }
    if let Some(tenant) = request.parameters.tenant()
        && !openstack::identity::is_project(tenant, caller.account)
    {
        return Err(ApiError::not_found("project not found"));
    }
    caller.may(scope)?;
    request.caller = Some(caller);
    Ok(())
}

fn join(path: &str, query: &str) -> String {
    if query.is_empty() {
        path.to_owned()
    } else {
        format!("{path}?{query}")
    }
}
