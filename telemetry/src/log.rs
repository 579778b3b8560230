//! Log lines on standard error. Every line of a request carries the request's span, and therefore
//! its request id and trace id.

use std::io::IsTerminal;

use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::filter::{EnvFilter, ParseError};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry};

use crate::error::TelemetryError;
use crate::settings::{LogFormat, LogSettings};
use crate::trace;

/// Modules whose logs would reveal a password in a URL. The first logs every unknown parameter of a
/// database URL, which may be a password under a misspelt name; the others log the user information
/// in a collector's URL.
const LOG_URLS: [&str; 3] = [
    "sqlx_postgres::options::parse=off",
    "hyper_util::client=off",
    "reqwest::connect=off",
];

/// An attempt that will be retried is not logged; the caller reports the last one.
const RETRIES: &str = "object_store::client::retry=warn";

pub(crate) fn start(
    settings: &LogSettings,
    traces: Option<&SdkTracerProvider>,
) -> Result<(), TelemetryError> {
    let wanted = EnvFilter::try_new(format!("{RETRIES},{}", settings.log))
        .and_then(|filter| {
            LOG_URLS.iter().try_fold(filter, |filter, directive| {
                Ok(filter.add_directive(directive.parse()?))
            })
        })
        .map_err(|problem: ParseError| TelemetryError::Log(settings.log.clone(), problem))?;
    let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(colours);
    let lines = match settings.log_format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines
            .json()
            .flatten_event(true)
            .with_span_list(false)
            .boxed(),
    };
    // Two separate filters, because fewer log lines must not mean fewer traces.
    Registry::default()
        .with(lines.with_filter(wanted))
        .with(traces.map(trace::layer))
        .init();
    Ok(())
}
