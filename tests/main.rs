//! End-to-end stories: the real program, driven over HTTP, killed and started again.

#![expect(clippy::unwrap_used, reason = "a story that cannot go on has failed")]

mod archive;
mod buckets;
mod compose;
mod concurrency;
mod crash;
mod differential;
mod edge;
mod examples;
mod faults;
mod feed;
mod full_disk;
mod garbage;
mod history;
mod hostile;
mod hostile_clients;
mod limits;
mod moov;
mod operator;
mod pictures;
mod rebuild;
mod refusals;
mod scaled;
mod sdk;
mod secrets;
mod settings;
mod subscriber;
mod telemetry;
mod tokens;
