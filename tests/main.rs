//! End-to-end stories: the real program, driven over HTTP, killed and started again.

#![expect(clippy::unwrap_used, reason = "a story that cannot go on has failed")]

mod accounts;
mod archive;
mod buckets;
mod caps;
mod compose;
mod concurrency;
mod crash;
mod deadlines;
mod differential;
mod edge;
mod examples;
mod faults;
mod feed;
mod front_page;
mod full_disk;
mod garbage;
mod history;
mod hostile;
mod hostile_clients;
mod installation;
mod limits;
mod liveness;
mod moov;
mod newer_events;
mod openstack;
mod operator;
mod pictures;
mod rebuild;
mod refusals;
mod relay;
mod scaled;
mod sdk;
mod secrets;
mod settings;
mod subscriber;
mod telemetry;
mod tokens;
mod uploadcare;
mod verify;
