//! The settings of logs, metrics and traces: the same flags in each of our programs.

use std::net::SocketAddr;

use clap::Args;

/// What a program logs, and how.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Log")]
pub struct LogSettings {
    /// What to log: a level, or directives such as `info,photolog_api=debug`
    #[arg(long, env = "PHOTOLOG_LOG", default_value = "info", global = true)]
    pub log: String,

    /// The format of log lines
    #[arg(
        long,
        env = "PHOTOLOG_LOG_FORMAT",
        default_value = "text",
        global = true
    )]
    pub log_format: LogFormat,
}

/// Where a server sends its metrics and traces.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Metrics and traces")]
pub struct ExportSettings {
    /// Address and port at which Prometheus scrapes metrics; without it there are none
    #[arg(long, env = "PHOTOLOG_METRICS_LISTEN")]
    pub metrics_listen: Option<SocketAddr>,

    /// OpenTelemetry collector to send traces to, such as `http://collector:4318`; without it no
    /// traces are sent
    #[arg(long, env = "PHOTOLOG_OTLP_ENDPOINT", hide_env_values = true)]
    pub otlp_endpoint: Option<String>,
}

/// The format of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}
