//! The program `photolog`: reads the settings, sets up the log, runs one command.

use std::process::ExitCode;

use clap::Parser;
use photolog_api::cli::{self, Cli, Command, open_store};
use photolog_api::config::{Config, LogFormat};
use photolog_api::serve::{self, Roles};
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> ExitCode {
    match run(Cli::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}

/// One line for the operator.
#[expect(clippy::print_stderr, reason = "the log may not be set up yet")]
fn complain(error: &anyhow::Error) {
    eprintln!("photolog: {error:#}");
}

async fn run(cli: Cli) -> anyhow::Result<()> {
    set_up_log(&cli.config)?;
    match cli.command {
        None => serve::run(&cli.config, Roles::All).await,
        Some(Command::Api) => serve::run(&cli.config, Roles::Api).await,
        Some(Command::Migrate) => open_store(&cli.config).await.map(drop),
        Some(Command::Account(action)) => action.run(&open_store(&cli.config).await?).await,
        Some(Command::Key(action)) => action.run(&open_store(&cli.config).await?).await,
        Some(Command::Rebuild { projection }) => cli::rebuild::run(&cli.config, projection).await,
        Some(Command::Verify) => cli::verify::run(&cli.config).await,
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
