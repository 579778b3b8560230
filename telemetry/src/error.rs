//! Why telemetry could not be set up.

/// Why telemetry could not be set up; each message names the setting at fault.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// Invalid level or directive.
    #[error("--log {0} cannot be used")]
    Log(String, #[source] tracing_subscriber::filter::ParseError),
    /// The port is in use or not permitted.
    #[error("--metrics-listen {0} cannot be used")]
    Metrics(
        std::net::SocketAddr,
        #[source] metrics_exporter_prometheus::BuildError,
    ),
    /// Not the address of a collector.
    #[error("--otlp-endpoint cannot be used: {0}")]
    Traces(String),
}
