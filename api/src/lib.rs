//! The HTTP API: turns requests into commands and queries.
//!
//! The path of a write: [`pipeline`] matches a route and admits the request, a [`dialect`] parses
//! its wire format into a command, [`executor`] loads, decides and appends, and the dialect writes
//! the response.
//!
//! | module | contents, from the top down |
//! | --- | --- |
//! | [`serve`] | assembles a server and runs it |
//! | [`pipeline`] | the path of a request: match, admit, handle, failures |
//! | `admission` | the places that a request takes, and the checks that it passes |
//! | [`routes`] | the list of dialects, and the matching of requests to routes |
//! | [`dialect`] | a folder for each wire format: routes, credentials, types, errors; our own is [`dialect::photolog`] |
//! | [`route`] | the type of a route |
//! | [`executor`] | runs commands |
//! | [`past_image`] | an image at an earlier time |
//! | [`operator`], [`operator_commands`] | the operator, and its commands on accounts |
//! | [`app`] | the state that all handlers share |
//! | [`auth`] | keys, secrets, tokens |
//! | [`picture`] | ingest, renditions, the current picture of a public link |
//! | [`live_feed`] | one reader of the log for all feeds of this process |
//! | [`edge_push`] | notifies edges of changed links |
//! | [`health`] | the health of this node and of its dependencies |
//! | [`http`] | connections, bodies, paths, responses |
//! | [`error`] | the error of a failed request |
//! | [`config`], [`limits`] | settings; every deadline, cap and budget for clients |
//! | [`unrepeated`] | settings that may hold a secret |
//! | [`clock`] | the time |
//!
//! The program with the operator's commands is the crate `photolog`, which depends on this one.

#![forbid(unsafe_code)]

pub(crate) mod admission;
pub mod app;
pub mod auth;
pub mod clock;
pub mod config;
pub mod dialect;
pub mod edge_push;
pub mod error;
pub mod executor;
#[cfg(feature = "fuzz")]
pub mod fuzz;
pub mod health;
pub mod http;
pub mod limits;
pub mod live_feed;
pub mod operator;
pub mod operator_commands;
pub mod past_image;
pub mod picture;
pub mod pipeline;
pub mod route;
pub mod routes;
pub mod serve;
pub mod unrepeated;
