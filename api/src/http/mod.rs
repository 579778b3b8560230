//! HTTP itself: connections, requests, bodies, routing, answers. Knows no dialect's rules.
//!
//! | file | what it holds |
//! | --- | --- |
//! | [`server`] | the accept loop |
//! | [`connections`], [`client_stream`] | who is connected, and the deadlines of each connection |
//! | [`answers`], [`progress`] | answers in flight: memory and least rate |
//! | [`places`] | places for requests in flight |
//! | [`memory`], [`fair_queue`] | memory of request bodies; work of which clients get equal shares |
//! | [`client_address`] | the client behind trusted proxies |
//! | [`body`], [`request`], [`header`], [`response`] | what handlers see and make |
//! | [`path`], [`conditional`], [`multipart`] | parsers of paths, queries, `If-Match` and forms |
//! | [`compute`] | work that does not belong on an async thread |
//! | [`observation`], [`poll_watch`] | what is measured of each request, and of each poll |

pub mod answers;
pub mod body;
pub mod client_address;
pub mod client_stream;
pub mod compute;
pub mod conditional;
pub mod connections;
pub mod fair_queue;
pub mod header;
pub mod memory;
pub mod multipart;
pub mod observation;
pub mod path;
pub mod places;
pub mod poll_watch;
pub mod progress;
pub mod request;
pub mod response;
pub mod server;

pub use body::RequestBody;
pub use request::{Request, RequestId};
pub use response::Response;
