//! The path of a request through the server: match, take places, authenticate, check the account
//! and the scope, handle, write failures in the dialect's own format.
//!
//! Places are taken in this order: first one of the client's address, then one of the pool of the
//! route's [`Access`]. On routes with keys the pool's place is taken after the credentials check,
//! together with one of the account and one of the key. So a flood of one kind of requests does not
//! affect the others.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::BoxFuture;
use http::header::{ALLOW, CONTENT_LENGTH, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use hyper::body::Incoming;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use photolog_domain::{AccountId, KeyId};
use tracing::Instrument;
use warp::path::FullPath;
use warp::{Filter, Rejection, Reply};

use crate::app::SharedApp;
use crate::auth::Caller;
use crate::auth::rate::Allowance;
use crate::dialect::Dialect;
use crate::dialect::photolog::Photolog;
use crate::error::{ApiError, Kind};
use crate::http::answers::Reader;
use crate::http::client_address::{client_address, counted_as};
use crate::http::memory::Holder;
use crate::http::observation::Observation;
use crate::http::path::{Query, segments};
use crate::http::places::{Place, RotatingPlace, Slot};
use crate::http::poll_watch::watched;
use crate::http::request::Held;
use crate::http::response::{set, set_allowance};
use crate::http::{Request, RequestBody, RequestId, Response};
use crate::route::{Access, Route};
use crate::routes::Dialects;

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

async fn answer(app: SharedApp, dialects: Dialects, path: &str, mut arrived: Arrived) -> Response {
    let id = RequestId::of(&arrived.headers);
    let (client, reader) = (arrived.client, arrived.reader.clone());
    let (dialect, found) = dialects.find(&arrived.method, path);
    let pattern = found.as_ref().map_or("none", |(route, _)| route.pattern);
    let observed = Observation::begin(
        &arrived.method,
        &arrived.headers,
        &id,
        dialect.name(),
        pattern,
    );
    let is_options = arrived.method == Method::OPTIONS;
    let preflight = dialect.preflight().filter(|_| is_options);
    let mut allowance = None;
    let handled = async {
        let (route, parameters) = found?;
        // It is never read, and would otherwise be held until the response is made.
        if route.method == Method::GET {
            arrived.body = RequestBody::none();
        }
        let deadline = deadline(&app, &arrived);
        let mut request = Request {
            target: join(path, &arrived.query),
            query: Query::read(&arrived.query)?,
            method: arrived.method,
            parameters,
            headers: arrived.headers,
            client,
            reader: arrived.reader,
            body: arrived.body,
            id: id.clone(),
            dialect: dialect.name(),
            caller: None,
            places: None,
        };
        let handled = async {
            let mut places = admit(&app, dialect, route, &mut request, &mut allowance).await?;
            let rotating = places.rotating.take();
            let places: Held = Arc::new(places);
            request.places = Some(places.clone());
            let work = (route.handler)(app.clone(), request);
            match rotating {
                Some(place) => place.hold(work).await,
                None => work.await,
            }
        };
        tokio::time::timeout(deadline, handled)
            .await
            .unwrap_or_else(|_| Err(ApiError::busy("the request took too long")))
    };
    let handled = async {
        match AssertUnwindSafe(handled).catch_unwind().await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => match (&error.kind, preflight) {
                (Kind::MethodNotAllowed { allow }, Some(preflight)) => preflight(allow),
                _ => refuse(dialect, &error, client),
            },
            Err(_) => refuse(dialect, &ApiError::internal("a handler panicked"), client),
        }
    };
    let handled = watched(pattern, handled);
    let mut response = handled.instrument(observed.span.clone()).await;
    if let Some(reader) = reader
        && let Err(error) = reader.count(&mut response).await
    {
        response = refuse(dialect, &error, client);
    }
    if let Some(allowance) = &allowance {
        set_allowance(&mut response, allowance);
    }
    dialect.decorate(&mut response, &id, &|| dialects.allowed(&segments(path)));
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let name = HeaderName::from_static("x-request-id");
    set(&mut response, name, id.as_str());
    observed.end(&response);
    response
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

/// The places that a request holds until its response is made.
#[derive(Default)]
struct Places {
    _address: Option<Slot<IpAddr>>,
    rotating: Option<RotatingPlace>,
    _pool: Option<Place>,
    _account: Option<Slot<AccountId>>,
    _key: Option<Slot<KeyId>>,
}

/// Checks places, credentials, rate, tenant and scope; nothing else does.
async fn admit(
    app: &SharedApp,
    dialect: &dyn Dialect,
    route: &Route,
    request: &mut Request,
    allowance: &mut Option<Allowance>,
) -> Result<Places, ApiError> {
    let client = request.client;
    let from_address = || app.places.addresses.enter(&counted_as(client)).map(Some);
    match route.access {
        Access::Probe => Ok(Places::default()),
        Access::Picture => Ok(Places {
            _address: from_address()?,
            rotating: Some(app.places.pictures.enter(client)),
            ..Places::default()
        }),
        Access::Open => {
            let places = Places {
                _address: from_address()?,
                rotating: Some(app.places.open.enter(client)),
                ..Places::default()
            };
            request
                .body
                .charge(app.bodies.share(Holder::client(client)));
            dialect.check_version(request)?;
            Ok(places)
        }
        Access::Edge => {
            app.edge_secret.check(&request.headers)?;
            Ok(Places {
                _pool: Some(app.places.keyed.enter()?),
                ..Places::default()
            })
        }
        Access::Key(scope) => {
            let address = from_address()?;
            dialect.check_version(request)?;
            let checking = app.places.authentication.enter_soon().await?;
            let caller = dialect.authenticate(app, request, checking).await?;
            let places = Places {
                rotating: None,
                _address: address,
                _pool: Some(app.places.keyed.enter()?),
                _account: Some(app.places.accounts.enter(&caller.account)?),
                _key: Some(app.places.keys.enter(&caller.key_id)?),
            };
            let holder = Holder::Account(caller.account);
            request.body.charge(app.bodies.share(holder));
            app.auth.key_uses.note(&caller);
            within_rate(app, &caller, allowance)?;
            authorize(dialect, route, request, &caller)?;
            caller.may(scope)?;
            request.caller = Some(caller);
            Ok(places)
        }
    }
}

/// Counts a request against its key's rate.
fn within_rate(
    app: &SharedApp,
    caller: &Caller,
    allowance: &mut Option<Allowance>,
) -> Result<(), ApiError> {
    let counted = app.auth.rates.count(&caller.key_id, Instant::now());
    *allowance = counted.unwrap_or_else(Some);
    counted.map(drop).map_err(ApiError::from)
}

/// Checks that the account and the tenant that the path names are the caller's.
fn authorize(
    dialect: &dyn Dialect,
    route: &Route,
    request: &Request,
    caller: &Caller,
) -> Result<(), ApiError> {
    if route.pattern.contains("{account}") {
        caller.owns(request.parameters.get("account"))?;
    }
    match request.parameters.tenant() {
        Some(tenant) => dialect.check_tenant(tenant, caller),
        None => Ok(()),
    }
}

fn join(path: &str, query: &str) -> String {
    if query.is_empty() {
        path.to_owned()
    } else {
        format!("{path}?{query}")
    }
}
