//! Every route on one screen. What happens to a request around its route is in
//! [`pipeline`](crate::pipeline).

use futures::FutureExt;
use http::Method;
use photolog_domain::{Dialect, Scope};

use crate::dialect::{moov, openstack, uploadcare};
use crate::edge;
use crate::feed;
use crate::front_page;
use crate::history;
use crate::openapi;
use crate::ops;
use crate::route::Access::{self, Edge, Open, Picture, Probe};
use crate::route::Route;

macro_rules! route {
    ($method:ident $pattern:literal, $dialect:ident, $access:expr, $handler:path) => {
        Route {
            method: Method::$method,
            pattern: $pattern,
            dialect: Dialect::$dialect,
            access: $access,
            handler: |app, request| $handler(app, request).boxed(),
        }
    };
}

const READ: Access = Access::Key(Scope::ImagesRead);
const WRITE: Access = Access::Key(Scope::ImagesWrite);
const AUDIT: Access = Access::Key(Scope::HistoryRead);

/// The route table. The first fit wins, so the busiest route stands first.
#[rustfmt::skip]
pub const ROUTES: &[Route] = &[
    // Everybody: pictures at their public links.
    route!(GET "/images/{image}", Moov, Picture, moov::public::show),

    // Moov images.
    route!(GET    "/accounts/{account}/images", Moov, READ, moov::images::list),
    route!(POST   "/accounts/{account}/images", Moov, WRITE, moov::images::upload),
    route!(GET    "/accounts/{account}/images/{image}", Moov, READ, moov::images::show),
    route!(PUT    "/accounts/{account}/images/{image}", Moov, WRITE, moov::images::replace),
    route!(DELETE "/accounts/{account}/images/{image}", Moov, WRITE, moov::images::disable),
    route!(PUT    "/accounts/{account}/images/{image}/metadata", Moov, WRITE, moov::metadata::replace),
    route!(POST   "/oauth2/token", Moov, Open, moov::token::issue),
    route!(POST   "/oauth2/revoke", Moov, Open, moov::revoke::revoke),

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
    route!(GET    "/v2.1", OpenStack, Open, openstack::versions::compute),
    route!(GET    "/v3", OpenStack, Open, openstack::versions::identity),
    route!(POST   "/v3/auth/tokens", OpenStack, Open, openstack::identity::issue_token),
    // In a browser it is the first page.
    route!(GET    "/", OpenStack, Open, front_page::show),

    // Our own edges, by a shared secret.
    route!(GET "/edge/pointers/{image}", Photolog, Edge, edge::pointer),
    route!(GET "/edge/masters/{digest}", Photolog, Edge, edge::master),

    // Auditors.
    route!(GET "/accounts/{account}/images/{image}/history", Photolog, AUDIT, history::show),
    route!(GET "/accounts/{account}/events", Photolog, AUDIT, feed::show),

    // Developers.
    route!(GET "/openapi.json", Photolog, Open, openapi::show),
    route!(GET "/docs", Photolog, Open, openapi::page),
    route!(GET "/sample.jpg", Photolog, Open, front_page::sample),

    // The operator.
    route!(GET "/healthz", Photolog, Probe, ops::healthz),
    route!(GET "/readyz", Photolog, Probe, ops::readyz),
];
