//! The program `photolog-projector`: `photolog projector` without the rest, for small containers.

use clap::Parser;
use photolog_projector::alone;
use photolog_projector::settings::{DatabaseSettings, RelaySettings, exit_code, one_line};
use photolog_store::private;
use photolog_telemetry::{ExportSettings, LogSettings};

/// Fills Photolog's read models from the log, and publishes the log to NATS.
#[derive(Debug, Parser)]
#[command(name = "photolog-projector", version)]
struct Cli {
    #[command(flatten)]
    database: DatabaseSettings,
    #[command(flatten)]
    relay: RelaySettings,
    #[command(flatten)]
    log: LogSettings,
    #[command(flatten)]
    exports: ExportSettings,
}

#[tokio::main]
async fn main() -> std::process::ExitCode {
    match run(Cli::parse()).await {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("photolog-projector: {}", one_line(&error));
            exit_code(&error)
        }
    }
}

async fn run(cli: Cli) -> anyhow::Result<()> {
    private::keep_to_the_owner();
    let _telemetry = photolog_telemetry::start(&cli.log, &cli.exports, "photolog-projector")?;
    alone::run(&cli.database, cli.relay).await
}
