//! The program `photolog`: reads the settings, sets up the log, runs one command.

use std::process::ExitCode;

use clap::Parser;
use mimalloc::MiMalloc;
use photolog_api::cli::{self, Cli, Command, open_store};
use photolog_api::serve::{self, Roles};
use photolog_store::private;

/// It gives back what a burst of large pictures took; the system's keeps it in each thread's arena.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    private::keep_to_the_owner();
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

async fn run(Cli { command, config }: Cli) -> anyhow::Result<()> {
    let serves = matches!(command, None | Some(Command::Api));
    let _telemetry = if serves {
        photolog_telemetry::start(&config.telemetry, "photolog")?
    } else {
        photolog_telemetry::start_log(&config.telemetry)?
    };
    match command {
        None => serve::run(&config, Roles::All).await,
        Some(Command::Api) => serve::run(&config, Roles::Api).await,
        Some(Command::Migrate) => open_store(&config).await.map(drop),
        Some(Command::Account(action)) => action.run(&open_store(&config).await?).await,
        Some(Command::Key(action)) => action.run(&open_store(&config).await?).await,
        Some(Command::Rebuild { projection }) => cli::rebuild::run(&config, projection).await,
        Some(Command::Verify) => cli::verify::run(&config).await,
        Some(Command::MasterKey(action)) => action.run(&config).await,
        Some(Command::Backup {
            folder,
            without_secrets,
        }) => cli::archive::backup(&config, &folder, !without_secrets).await,
        Some(Command::Restore { folder }) => cli::archive::restore(&config, &folder).await,
        Some(Command::Gc(arguments)) => cli::gc::run(&config, &arguments).await,
    }
}
