//! HTTP in, commands out.
//!
//! The way of a write: [`pipeline`] matches a route and admits the request, a [`dialect`] parses its
//! wire form into a command, [`executor`] loads, decides and appends, and the dialect writes the
//! answer.
//!
//! | where | what it holds |
//! | --- | --- |
//! | [`routes`], [`route`] | the route table, and what a route is |
//! | [`pipeline`] | the way of a request: places, credentials, handler, failures |
//! | [`limits`] | every deadline, cap and budget that clients meet |
//! | [`dialect`] | the vendors' wire formats: credentials, types, errors |
//! | [`executor`] | runs a command on a stream |
//! | [`history`] | the audit: before and after of every event |
//! | [`feed`] | every event of an account, page by page or live |
//! | [`picture`] | ingest, renditions, the public link |
//! | [`edge`] | what an edge asks of the origin |
//! | [`auth`] | keys, secrets, tokens |
//! | [`error`] | what can go wrong with a request |
//! | [`http`] | connections, bodies, paths, answers |
//! | [`openapi`] | the description of every route, and a page to try it |
//! | [`front_page`] | what a browser sees at `/`, and a picture to try |
//! | [`ops`], [`health`] | alive, ready, and what is wrong |
//! | [`app`], [`config`] | shared state and settings |
//! | [`installation`] | opens or finds database and pictures |
//! | [`operator`], [`operator_commands`] | who is at the command line, and what it does to accounts |
//! | [`clock`] | the time |
//! | [`unrepeated`] | settings that may hold a secret |
//! | [`serve`] | starts the roles: all in one process, or the API alone |
//! | [`cli`] | the operator's commands |

#![forbid(unsafe_code)]

pub mod app;
pub mod auth;
pub mod cli;
pub mod clock;
pub mod config;
pub mod dialect;
pub mod edge;
pub mod error;
pub mod executor;
pub mod feed;
pub mod front_page;
#[cfg(feature = "fuzz")]
pub mod fuzz;
pub mod health;
pub mod history;
pub mod http;
pub mod installation;
pub mod limits;
pub mod openapi;
pub mod operator;
pub mod operator_commands;
pub mod ops;
pub mod picture;
pub mod pipeline;
pub mod route;
pub mod routes;
pub mod serve;
pub mod unrepeated;
