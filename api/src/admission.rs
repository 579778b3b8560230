//! Who may use a route: the places that a request takes, and the checks that it passes.
//!
//! Places are taken in this order: first one of the client's address, then one of the pool of the
//! route's [`Access`]. On routes with keys the pool's place is taken after the credentials check,
//! together with one of the account and one of the key. So a flood of one kind of requests does not
//! affect the others.

use std::net::IpAddr;
use std::sync::OnceLock;
use std::time::Instant;

use photolog_domain::{AccountId, KeyId};

use crate::app::SharedApp;
use crate::auth::Caller;
use crate::auth::rate::Allowance;
use crate::dialect::Dialect;
use crate::error::ApiError;
use crate::http::Request;
use crate::http::client_address::counted_as;
use crate::http::memory::Holder;
use crate::http::places::{Place, RotatingPlace, Slot};
use crate::route::{Access, Route};

/// The places that a request holds until its response is made.
#[derive(Default)]
pub(crate) struct Places {
    _address: Option<Slot<IpAddr>>,
    /// A place of a pool that anonymous clients share in turn; held while the handler runs.
    pub(crate) rotating: Option<RotatingPlace>,
    _pool: Option<Place>,
    _account: Option<Slot<AccountId>>,
    _key: Option<Slot<KeyId>>,
}

/// Checks places, credentials, rate, tenant and scope; nothing else does.
pub(crate) async fn admit(
    app: &SharedApp,
    dialect: &dyn Dialect,
    route: &Route,
    request: &mut Request,
    allowance: &OnceLock<Allowance>,
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
    allowance: &OnceLock<Allowance>,
) -> Result<(), ApiError> {
    let counted = app.auth.rates.count(&caller.key_id, Instant::now());
    if let Some(counted) = counted.unwrap_or_else(Some) {
        let _ = allowance.set(counted);
    }
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
