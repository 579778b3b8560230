//! HTTP itself: connections, requests, bodies, routing, responses. Independent of all dialects.
//!
//! | file | contents |
//! | --- | --- |
//! | [`server`] | the accept loop |
//! | [`connections`], [`client_stream`] | open connections, and their deadlines |
//! | [`answers`], [`progress`] | responses in flight: memory and minimum rate |
//! | [`places`] | places for requests in flight |
//! | [`memory`], [`fair_queue`] | memory for request bodies; a queue with equal shares for clients |
//! | [`client_address`] | the client behind trusted proxies |
//! | [`body`], [`request`], [`header`], [`response`] | what handlers read and return |
//! | [`path`], [`conditional`], [`multipart`] | parsers of paths, queries, `If-Match` and forms |
//! | [`compute`] | work that does not belong on an async thread |
//! | [`observation`], [`poll_watch`] | measurements of each request, and of each poll |

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
