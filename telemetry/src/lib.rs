//! What a program tells about itself: log lines, metrics, traces.
//!
//! | file | what it holds |
//! | --- | --- |
//! | [`settings`] | the flags, the same in every program |
//! | [`error`] | why it could not be set up |
//! | `log` | log lines, as text or JSON |
//! | [`metric`] | the metrics' names, and the endpoint that Prometheus reads |
//! | [`trace`] | the span of a request, its trace id, export by OTLP |
//!
//! Code that has something to tell uses `tracing` and `metrics`, which do nothing until a program
//! calls [`start`].

#![forbid(unsafe_code)]

pub mod error;
mod log;
pub mod metric;
pub mod settings;
pub mod trace;

pub use error::TelemetryError;
pub use settings::{ExportSettings, LogFormat, LogSettings};

use opentelemetry_sdk::trace::SdkTracerProvider;

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
    settings: &LogSettings,
    exports: &ExportSettings,
    service: &'static str,
) -> Result<Telemetry, TelemetryError> {
    let traces = exports
        .otlp_endpoint
        .as_deref()
        .map(|endpoint| trace::exporter(endpoint, service))
        .transpose()?;
    log::start(settings, traces.as_ref())?;
    if let Some(address) = exports.metrics_listen {
        metric::serve(address)?;
    }
    Ok(Telemetry { traces })
}

/// For a command that ends by itself: log lines only. Its settings are often those of the server
/// beside it, whose metrics port is taken.
///
/// # Errors
/// When a setting cannot be used.
pub fn start_log(settings: &LogSettings) -> Result<Telemetry, TelemetryError> {
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
