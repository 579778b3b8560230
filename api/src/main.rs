//! The program `photolog`: reads the settings, sets up the log, runs one command.

use clap::Parser;
use photolog_api::cli::{Cli, Command, open_store};
use photolog_api::config::{Config, LogFormat};
use photolog_api::embedded;
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    set_up_log(&cli.config)?;
    match cli.command {
        None => embedded::run(&cli.config).await,
        Some(Command::Account(action)) => action.run(&open_store(&cli.config).await?).await,
        Some(Command::Key(action)) => action.run(&open_store(&cli.config).await?).await,
        Some(Command::Verify) => photolog_api::cli::verify::run(&cli.config).await,
    }
}

fn set_up_log(config: &Config) -> anyhow::Result<()> {
    let lines = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_new(&config.log)?)
        .with_writer(std::io::stderr);
    match config.log_format {
        LogFormat::Text => lines.init(),
        LogFormat::Json => lines.json().init(),
    }
    Ok(())
}
