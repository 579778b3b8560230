//! The program `photolog-projector`: seals the log, projects and relays it, for API nodes
//! beside it. Of any number of them one works, the others stand by.

use anyhow::Context;
use clap::Parser;
use photolog_projector::Projector;
use photolog_projector::settings::{DatabaseSettings, RelaySettings};
use photolog_store::private;
use photolog_telemetry::TelemetrySettings;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Fills Photolog's read models from the log, and publishes the log to NATS.
#[derive(Debug, Parser)]
#[command(name = "photolog-projector", version)]
struct Cli {
    #[command(flatten)]
    database: DatabaseSettings,
    #[command(flatten)]
    relay: RelaySettings,
    #[command(flatten)]
    telemetry: TelemetrySettings,
}

#[tokio::main]
async fn main() -> std::process::ExitCode {
    match run(Cli::parse()).await {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("photolog-projector: {error:#}");
            std::process::ExitCode::FAILURE
        }
    }
}

async fn run(cli: Cli) -> anyhow::Result<()> {
    private::keep_to_the_owner();
    let _telemetry = photolog_telemetry::start(&cli.telemetry, "photolog-projector")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("signals cannot be heard")?;
    let mut terminate = signal(SignalKind::terminate()).context("signals cannot be heard")?;
    let store = cli.database.open_postgres().await?;
    let (stop, stops) = watch::channel(false);
    let projector = tokio::spawn(Projector::new(store.clone(), cli.relay).run(stops));
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    stop.send_replace(true);
    projector.await.context("the projector failed")?;
    store.close().await;
    Ok(())
}
