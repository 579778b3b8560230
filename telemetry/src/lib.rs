//! A program's telemetry: log lines, metrics and traces.
//!
//! | file | what it holds |
//! | --- | --- |
//! | [`settings`] | the flags, the same in every program |
//! | [`error`] | why telemetry could not be set up |
//! | `log` | log lines, as text or JSON |
//! | [`metric`] | the names of the metrics, and the endpoint that Prometheus scrapes |
//! | [`tls`] | the crypto provider of the process |
//! | [`trace`] | the span of a request, its trace id, and export by OTLP |
//!
//! Other code uses `tracing` and `metrics`, which do nothing until a program calls [`start`].

#![forbid(unsafe_code)]

pub mod error;
mod log;
pub mod metric;
pub mod settings;
pub mod tls;
pub mod trace;

pub use error::TelemetryError;
pub use settings::{ExportSettings, LogFormat, LogSettings};

use opentelemetry_sdk::trace::SdkTracerProvider;

/// Running telemetry. Keep it until the program ends: dropping it sends the pending spans.
#[derive(Debug)]
#[must_use]
pub struct Telemetry {
    traces: Option<SdkTracerProvider>,
}

/// For a server: log lines, metrics and traces, as configured. `service` is its name in traces.
/// Requires a tokio runtime. Installs the crypto provider too, because every program begins here.
///
/// # Errors
/// When a setting cannot be used.
pub fn start(
    settings: &LogSettings,
    exports: &ExportSettings,
    service: &'static str,
) -> Result<Telemetry, TelemetryError> {
    tls::install_crypto_provider();
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

/// For a command that ends on its own: log lines only. It often shares its settings with a running
/// server, which already uses the metrics port.
///
/// # Errors
/// When a setting cannot be used.
pub fn start_log(settings: &LogSettings) -> Result<Telemetry, TelemetryError> {
    tls::install_crypto_provider();
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
