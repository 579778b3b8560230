//! The path of a request through the server: match, admit, handle, write failures in the dialect's
//! own format, add the headers of every response.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use http::header::{ALLOW, CONTENT_LENGTH, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use hyper::body::Incoming;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use tracing::Instrument;
use warp::path::FullPath;
use warp::{Filter, Rejection, Reply};

use crate::admission::admit;
use crate::app::SharedApp;
use crate::auth::rate::Allowance;
use crate::dialect::Dialect;
use crate::dialect::photolog::Photolog;
use crate::error::{ApiError, Kind};
use crate::http::answers::Reader;
use crate::http::client_address::client_address;
use crate::http::observation::Observation;
use crate::http::path::{Query, segments};
use crate::http::poll_watch::watched;
use crate::http::response::{set, set_allowance};
use crate::http::{Request, RequestBody, RequestId, Response};
use crate::route::Route;
use crate::routes::{Dialects, Found};

/// The largest body that any route accepts; it bounds the time for a body of unknown length.
const LARGEST_BODY: u64 = 17 << 20;

/// The whole API as a service for the accept loop.
pub fn service(
    app: SharedApp,
    dialects: Dialects,
) -> impl Service<
    http::Request<Incoming>,
    Response = Response,
    Error = Infallible,
    Future: Send + 'static,
> + Clone
+ Send
+ Sync
+ 'static {
    Guarded(TowerToHyperService::new(warp::service(filter(
        app, dialects,
    ))))
}

/// Keeps requests from warp that it cannot handle, and panics from their connections.
#[derive(Clone)]
struct Guarded<S>(S);

impl<S> Service<http::Request<Incoming>> for Guarded<S>
where
    S: Service<http::Request<Incoming>, Response = Response, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn call(&self, mut request: http::Request<Incoming>) -> Self::Future {
        // warp parses the path, and panics when there is none: `CONNECT host:443`.
        if !request.uri().path().starts_with('/') {
            *request.uri_mut() = Uri::from_static("/");
        }
        let answered = std::panic::catch_unwind(AssertUnwindSafe(|| self.0.call(request)));
        async move {
            let answered = match answered {
                Ok(answered) => AssertUnwindSafe(answered).catch_unwind().await,
                Err(panic) => Err(panic),
            };
            Ok(match answered {
                Ok(Ok(response)) => response,
                Err(_) => {
                    let error = ApiError::internal("a request panicked outside its handler");
                    refuse(&Photolog, &error, unknown_client())
                }
            })
        }
        .boxed()
    }
}

fn filter(
    app: SharedApp,
    dialects: Dialects,
) -> impl Filter<Extract = (impl Reply,), Error = Rejection> + Clone + Send + Sync + 'static {
    let query = warp::query::raw().or(warp::any().map(String::new)).unify();
    warp::method()
        .and(warp::path::full())
        .and(query)
        .and(warp::header::headers_cloned())
        .and(warp::ext::optional::<Reader>())
        .and(warp::body::stream())
        .then(
            move |method, path: FullPath, query: String, headers, reader: Option<Reader>, body| {
                let app = app.clone();
                let body = RequestBody::new(body, app.limits.body());
                let peer = reader.as_ref();
                let peer = peer.map_or_else(unknown_client, |reader| reader.connection.peer);
                let client = client_address(peer, &headers, &app.limits.trusted_proxies);
                let reader = reader.map(|reader| reader.behind(client));
                let arrived = Arrived {
                    method,
                    query,
                    headers,
                    client,
                    reader,
                    body,
                };
                async move { answer(app, dialects, path.as_str(), arrived).await }
            },
        )
}

/// The client's address when there is no connection.
fn unknown_client() -> IpAddr {
    Ipv4Addr::UNSPECIFIED.into()
}

/// A request before its route is known.
struct Arrived {
    method: Method,
    query: String,
    headers: HeaderMap,
    client: IpAddr,
    reader: Option<Reader>,
    body: RequestBody,
}

async fn answer(app: SharedApp, dialects: Dialects, path: &str, arrived: Arrived) -> Response {
    let (dialect, found) = dialects.find(&arrived.method, path);
    let pattern = found.as_ref().map_or("none", |(route, _)| route.pattern);
    let id = RequestId::of(&arrived.headers);
    let observed = Observation::begin(
        &arrived.method,
        &arrived.headers,
        &id,
        dialect.name(),
        pattern,
    );
    let exchange = Exchange {
        app,
        dialect,
        id,
        client: arrived.client,
        allowance: OnceLock::new(),
    };
    let reader = arrived.reader.clone();
    let response = watched(pattern, exchange.respond(found, path, arrived));
    let response = response.instrument(observed.span.clone()).await;
    let mut response = exchange.count(reader, response).await;
    exchange.add_headers(&mut response, &|| dialects.allowed(&segments(path)));
    observed.end(&response);
    response
}

/// One request and its response.
struct Exchange {
    app: SharedApp,
    dialect: &'static dyn Dialect,
    id: RequestId,
    client: IpAddr,
    /// The remaining allowance of the request's key, once it is counted.
    allowance: OnceLock<Allowance>,
}

impl Exchange {
    /// The handler's response, or the failure in the dialect's format.
    async fn respond(&self, found: Found, path: &str, arrived: Arrived) -> Response {
        let is_options = arrived.method == Method::OPTIONS;
        let preflight = self.dialect.preflight().filter(|_| is_options);
        let handled = AssertUnwindSafe(self.handle(found, path, arrived)).catch_unwind();
        let error = match handled.await {
            Ok(Ok(response)) => return response,
            Ok(Err(error)) => error,
            Err(_) => ApiError::internal("a handler panicked"),
        };
        match (&error.kind, preflight) {
            (Kind::MethodNotAllowed { allow }, Some(preflight)) => preflight(allow),
            _ => refuse(self.dialect, &error, self.client),
        }
    }

    /// Admits the request and calls its handler, within the request's time.
    async fn handle(
        &self,
        found: Found,
        path: &str,
        mut arrived: Arrived,
    ) -> Result<Response, ApiError> {
        let (route, parameters) = found?;
        // It is never read, and would otherwise be held until the response is made.
        if route.method == Method::GET {
            arrived.body = RequestBody::none();
        }
        let deadline = deadline(&self.app, &arrived);
        let request = Request {
            target: join(path, &arrived.query),
            query: Query::read(&arrived.query)?,
            method: arrived.method,
            parameters,
            headers: arrived.headers,
            client: arrived.client,
            reader: arrived.reader,
            body: arrived.body,
            id: self.id.clone(),
            dialect: self.dialect.name(),
            caller: None,
            places: None,
        };
        tokio::time::timeout(deadline, self.admit_and_handle(route, request))
            .await
            .unwrap_or_else(|_| Err(ApiError::busy("the request took too long")))
    }

    async fn admit_and_handle(
        &self,
        route: &Route,
        mut request: Request,
    ) -> Result<Response, ApiError> {
        let (app, allowance) = (&self.app, &self.allowance);
        let mut places = admit(app, self.dialect, route, &mut request, allowance).await?;
        let rotating = places.rotating.take();
        request.places = Some(Arc::new(places));
        let work = (route.handler)(app.clone(), request);
        match rotating {
            Some(place) => place.hold(work).await,
            None => work.await,
        }
    }

    /// Counts the response until it is written; a refusal when too much waits to be read.
    async fn count(&self, reader: Option<Reader>, mut response: Response) -> Response {
        let Some(reader) = reader else {
            return response;
        };
        match reader.count(&mut response).await {
            Ok(()) => response,
            Err(error) => refuse(self.dialect, &error, self.client),
        }
    }

    /// Adds the headers of every response; `allow` finds the methods that the path allows.
    fn add_headers(&self, response: &mut Response, allow: &dyn Fn() -> String) {
        if let Some(allowance) = self.allowance.get() {
            set_allowance(response, allowance);
        }
        self.dialect.decorate(response, &self.id, allow);
        let headers = response.headers_mut();
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        let name = HeaderName::from_static("x-request-id");
        set(response, name, self.id.as_str());
    }
}

/// How long a request may take: the handler's time, and that of its body at the minimum rate.
fn deadline(app: &SharedApp, arrived: &Arrived) -> Duration {
    let handler = app.limits.handler();
    if arrived.body.is_empty() {
        return handler;
    }
    let length = arrived.headers.get(CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
    let length = length.map_or(LARGEST_BODY, |length: u64| length.min(LARGEST_BODY));
    handler + app.limits.body().allows(length)
}

fn refuse(dialect: &dyn Dialect, error: &ApiError, client: IpAddr) -> Response {
    error.log(client);
    let mut response = dialect.error_response(error);
    if let Kind::MethodNotAllowed { allow } = &error.kind {
        set(&mut response, ALLOW, allow);
    }
    response
}

fn join(path: &str, query: &str) -> String {
    if query.is_empty() {
        path.to_owned()
    } else {
        format!("{path}?{query}")
    }
}
