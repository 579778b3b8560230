//! Why telemetry could not be set up.

/// Why telemetry could not be set up; each message names the setting.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// No such level, or no such directive.
    #[error("--log {0} cannot be used")]
    Log(String, #[source] tracing_subscriber::filter::ParseError),
    /// The port is taken, or not ours to take.
    #[error("--metrics-listen {0} cannot be used")]
    Metrics(
        std::net::SocketAddr,
        #[source] metrics_exporter_prometheus::BuildError,
    ),
    /// No address of a collector.
    #[error("--otlp-endpoint cannot be used: {0}")]
    Traces(String),
}
