//! HTTP in, commands out.
//!
//! The way of a write: [`pipeline`] matches a route and admits the request, a [`dialect`] parses its
//! wire form into a command, [`executor`] loads, decides and appends, and the dialect writes the
//! answer.
//!
//! | where | what it holds, from the top down |
//! | --- | --- |
//! | [`serve`] | puts a server together, and serves |
//! | [`pipeline`] | the way of a request: places, credentials, handler, failures |
//! | [`routes`] | the list of dialects, and the route that a request takes |
//! | [`dialect`] | a folder for each wire format: routes, credentials, types, errors; our own is [`dialect::photolog`] |
//! | [`route`] | what a route is |
//! | [`executor`] | runs commands |
//! | [`past_image`] | an image as it was |
//! | [`operator`], [`operator_commands`] | who is at the command line, and what it does to accounts |
//! | [`app`] | what all handlers share |
//! | [`auth`] | keys, secrets, tokens |
//! | [`picture`] | ingest, renditions, what a public link shows |
//! | [`live_feed`] | one reader of the log for all feeds of this process |
//! | [`edge_push`] | tells edges what has changed |
//! | [`health`] | what is wrong with this node, or with what it needs |
//! | [`http`] | connections, bodies, paths, answers |
//! | [`error`] | what can go wrong with a request |
//! | [`config`], [`limits`] | settings; every deadline, cap and budget that clients meet |
//! | [`unrepeated`] | settings that may hold a secret |
//! | [`clock`] | the time |
//!
//! The program, with the operator's commands, is the crate above, `photolog`.

#![forbid(unsafe_code)]

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
