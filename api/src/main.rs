//! The program `photolog`: reads the settings, sets up the log, runs one command.

use std::process::ExitCode;

use clap::Parser;
use libmimalloc_sys::{mi_option_set, mi_option_t};
use mimalloc::MiMalloc;
use photolog_api::cli::{self, Cli, Command, open_store};
use photolog_api::serve::{self, Roles};
use photolog_store::private;

/// It gives back what a burst of large pictures took; the system's keeps it in each thread's arena.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    give_memory_back_at_once();
    private::keep_to_the_owner();
    start()
}

/// `mi_option_purge_delay` of `mimalloc.h`: how long free memory is kept, in milliseconds.
const PURGE_DELAY: mi_option_t = 15;

/// By default mimalloc keeps free memory for a second, and returns it to the system during a later
/// allocation. Under all attacks at once resident memory was 480 to 750 MB with the default, and is
/// 280 to 330 MB without a delay; and an allocation that returned memory took up to 40 ms.
#[expect(unsafe_code, reason = "an option of a C library")]
fn give_memory_back_at_once() {
    // SAFETY: it sets an integer, and must not be called while another thread may read that.
    unsafe { mi_option_set(PURGE_DELAY, 0) }
}

#[tokio::main]
async fn start() -> ExitCode {
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

#[cfg(test)]
mod tests {
    use libmimalloc_sys::mi_option_get;

    use super::*;

    #[test]
    #[expect(unsafe_code, reason = "an option of a C library")]
    fn the_number_is_that_of_the_purge_delay() {
        // SAFETY: it reads an integer.
        let delay = || unsafe { mi_option_get(PURGE_DELAY) };
        assert_eq!(delay(), 1_000, "mimalloc's own value");
        give_memory_back_at_once();
        assert_eq!(delay(), 0);
    }
}
