//! The names of the metrics, and the endpoint that Prometheus scrapes.
//!
//! A metric is set where the event happens, with the macros of `metrics`. `docs/operate.md` lists
//! those that need an alert.

use std::net::SocketAddr;

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};

use crate::error::TelemetryError;

/// Histogram: response time of requests, by `dialect`, `route` and `status`; its count is the
/// number of requests.
pub const REQUEST_SECONDS: &str = "photolog_request_seconds";
/// Counter: commands executed, by `aggregate` and `outcome` (`appended`, `unchanged`, `refused`,
/// `failed`).
pub const COMMANDS: &str = "photolog_commands_total";
/// Counter: commands executed again because another writer was faster.
pub const CONFLICTS: &str = "photolog_command_conflicts_total";
/// Counter: renditions served, by `source` (`memory`, `disk`, `master`, `rendered`).
pub const RENDITIONS: &str = "photolog_renditions_total";
/// Gauge: pictures waiting for a processor, by `queue` (`render`, `decode`).
pub const QUEUE: &str = "photolog_picture_queue";
/// Gauge: the newest position of the log.
pub const LOG_HEAD: &str = "photolog_log_head";
/// Gauge: log entries that a projection has not read yet, by `projection`.
pub const PROJECTION_LAG: &str = "photolog_projection_lag";
/// Gauge: age of the oldest event that has no position in the log yet.
pub const SEQUENCING_AGE_SECONDS: &str = "photolog_sequencing_age_seconds";
/// Gauge: 1 while a process sequences and projects, 0 while none does.
pub const HAS_LEAD: &str = "photolog_has_lead";
/// Gauge: 1 while something is wrong, by `problem` (`database`, `lead`, `projection`, `pictures`,
/// `room`).
pub const PROBLEM: &str = "photolog_problem";
/// Gauge: log entries that JetStream has not received yet.
pub const RELAY_LAG: &str = "photolog_relay_lag";
/// Gauge: open connections.
pub const CONNECTIONS: &str = "photolog_connections";
/// Counter: connections closed by the server, by `reason`.
pub const CONNECTIONS_ENDED: &str = "photolog_connections_ended_total";
/// Gauge: requests in flight, by `pool` (`pictures`, `open`, `authentication`, `keyed`).
pub const REQUESTS_IN_FLIGHT: &str = "photolog_requests_in_flight";
/// Counter: requests rejected because a limit was reached, by `reason`: a pool, `address`,
/// `account` or `key`.
pub const REQUESTS_REFUSED: &str = "photolog_requests_refused_total";
/// Gauge: memory reserved for clients, by `use` (`decode`, `render`, `answers`, `bodies`).
pub const MEMORY_RESERVED_BYTES: &str = "photolog_memory_reserved_bytes";
/// Gauge: open feeds.
pub const FEEDS: &str = "photolog_feeds";
/// Counter: requests with rejected credentials, by `reason`.
pub const UNAUTHENTICATED: &str = "photolog_unauthenticated_total";
/// Gauge: CPU time of the longest poll of a request's future, with `--watch-polls`.
pub const LONGEST_POLL_SECONDS: &str = "photolog_longest_poll_seconds";

/// From half a millisecond, for a rendition served from memory, to the duration of a large upload.
const SECONDS: [f64; 14] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// Serves `http://address/metrics`.
pub(crate) fn serve(address: SocketAddr) -> Result<(), TelemetryError> {
    PrometheusBuilder::new()
        .with_http_listener(address)
        .set_buckets_for_metric(Matcher::Full(REQUEST_SECONDS.to_owned()), &SECONDS)
        .and_then(PrometheusBuilder::install)
        .map_err(|problem| TelemetryError::Metrics(address, problem))?;
    describe();
    Ok(())
}

fn describe() {
    describe_histogram!(REQUEST_SECONDS, Unit::Seconds, "Time to answer a request");
    describe_counter!(COMMANDS, "Commands run");
    describe_counter!(
        CONFLICTS,
        "Commands run again because another writer was faster"
    );
    describe_counter!(RENDITIONS, "Renditions handed out");
    describe_gauge!(QUEUE, "Pictures that wait for a processor");
    describe_gauge!(CONNECTIONS, "Open connections");
    describe_counter!(CONNECTIONS_ENDED, "Connections that the server ended");
    describe_gauge!(REQUESTS_IN_FLIGHT, "Requests in flight");
    describe_counter!(REQUESTS_REFUSED, "Requests that found no place");
    describe_gauge!(
        MEMORY_RESERVED_BYTES,
        Unit::Bytes,
        "Memory that is reserved for clients"
    );
    describe_gauge!(FEEDS, "Open feeds");
    describe_counter!(UNAUTHENTICATED, "Requests whose credentials were refused");
    describe_gauge!(
        LONGEST_POLL_SECONDS,
        Unit::Seconds,
        "CPU time of the longest poll of a request's future"
    );
    describe_gauge!(LOG_HEAD, "The newest position of the log");
    describe_gauge!(
        PROJECTION_LAG,
        "Entries of the log that a projection has yet to read"
    );
    describe_gauge!(
        SEQUENCING_AGE_SECONDS,
        Unit::Seconds,
        "Age of the oldest event that has no place in the log yet"
    );
    describe_gauge!(HAS_LEAD, "1 while a process sequences and projects");
    describe_gauge!(PROBLEM, "1 while something is wrong");
    describe_gauge!(
        RELAY_LAG,
        "Entries of the log that JetStream has yet to take"
    );
}
