//! HTTP itself: connections, requests, bodies, routing, answers. Knows no dialect's rules.

pub mod body;
pub mod conditional;
pub mod load;
pub mod observation;
pub mod path;
pub mod request;
pub mod response;
pub mod server;

pub use body::RequestBody;
pub use request::{Request, RequestId};
pub use response::Response;
