//! What a program tells about itself: log lines, metrics, traces.
//!
//! | file | what it holds |
//! | --- | --- |
//! | [`settings`] | the flags, the same in every program |
//! | `log` | log lines, as text or JSON |
//! | [`metric`] | the metrics' names, and the endpoint that Prometheus reads |
//! | [`trace`] | the span of a request, its trace id, export by OTLP |
//!
//! Code that has something to tell uses `tracing` and `metrics`, which do nothing until a program
//! calls [`start`].

#![forbid(unsafe_code)]

mod log;
pub mod metric;
pub mod settings;
pub mod trace;

pub use settings::{LogFormat, TelemetrySettings};

use opentelemetry_sdk::trace::SdkTracerProvider;

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

/// Telemetry at work. Keep it until the program ends: dropped, it sends the spans that wait.
#[derive(Debug)]
#[must_use]
pub struct Telemetry {
    traces: Option<SdkTracerProvider>,
}

/// For a program that serves: log lines, metrics and traces, as far as the settings ask for them.
/// `service` is its name in traces. Needs a tokio runtime.
///
/// # Errors
/// When a setting cannot be used.
pub fn start(
    settings: &TelemetrySettings,
    service: &'static str,
) -> Result<Telemetry, TelemetryError> {
    let traces = settings
        .otlp_endpoint
        .as_deref()
        .map(|endpoint| trace::exporter(endpoint, service))
        .transpose()?;
    log::start(settings, traces.as_ref())?;
    if let Some(address) = settings.metrics_listen {
        metric::serve(address)?;
    }
    Ok(Telemetry { traces })
}

/// For a command that ends by itself: log lines only. Its settings are often those of the server
/// beside it, whose metrics port is taken.
///
/// # Errors
/// When a setting cannot be used.
pub fn start_log(settings: &TelemetrySettings) -> Result<Telemetry, TelemetryError> {
    log::start(settings, None)?;
    Ok(Telemetry { traces: None })
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        if let Some(traces) = &self.traces
            && let Err(problem) = traces.shutdown()
        {
            tracing::warn!(%problem, "the last traces were not sent");
        }
    }
}
