//! The program `photolog`: reads the settings, sets up logging, and runs one command.
//!
//! | where | what it holds |
//! | --- | --- |
//! | [`cli`] | the command line, and the operator's commands |
//! | [`roles`] | serving: all roles in one process, or the API alone |
//! | [`first_start`] | the demo account, and instructions for using it |
//! | [`installation`] | the location of an installation; opens or finds its database and pictures |
//! | [`output`] | standard output |

pub mod cli;
pub mod first_start;
pub mod installation;
pub mod output;
pub mod roles;

use std::process::ExitCode;

use cli::verify::VerifyArguments;
use cli::{Cli, Command};
use installation::{Place, find_store, open_store};
use libmimalloc_sys::{mi_option_set, mi_option_t};
use mimalloc::MiMalloc;
use photolog_projector::alone;
use photolog_projector::settings::{exit_code, one_line};
use photolog_store::private;
use roles::Roles;

/// It returns the memory of a burst of large pictures; the system allocator keeps it in each
/// thread's arena.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    give_memory_back_at_once();
    private::keep_to_the_owner();
    start()
}

/// `mi_option_purge_delay` of `mimalloc.h`: how long free memory is kept, in milliseconds.
const PURGE_DELAY: mi_option_t = 15;

/// By default mimalloc keeps free memory for a second and returns it to the system during a later
/// allocation. Under all attacks at once, resident memory was 480 to 750 MB with the default and is
/// 280 to 330 MB without a delay; with the default, an allocation that returned memory also took up
/// to 40 ms.
#[expect(unsafe_code, reason = "an option of a C library")]
fn give_memory_back_at_once() {
    // SAFETY: it sets an integer that no other thread may be reading at the same time.
    unsafe { mi_option_set(PURGE_DELAY, 0) }
}

#[tokio::main]
async fn start() -> ExitCode {
    match run(Cli::read()).await {
        Ok(code) => code,
        Err(error) => {
            complain(&error);
            exit_code(&error)
        }
    }
}

/// Prints a one-line error for the operator.
#[expect(clippy::print_stderr, reason = "the log may not be set up yet")]
fn complain(error: &anyhow::Error) {
    eprintln!("photolog: {}", one_line(error));
}

async fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let Cli {
        command,
        operator,
        place,
        log,
        all_roles,
    } = cli;
    let command = command.unwrap_or_else(|| Command::Serve(Box::new(all_roles)));
    let exports = match &command {
        Command::Serve(all) => Some(&all.serving.exports),
        Command::Api(serving) => Some(&serving.exports),
        Command::Projector { exports, .. } => Some(exports),
        _ => None,
    };
    let _telemetry = match exports {
        Some(exports) => photolog_telemetry::start(&log, exports, "photolog")?,
        None => photolog_telemetry::start_log(&log)?,
    };
    for unknown in cli::unknown_variables() {
        tracing::warn!("{unknown}");
    }
    let operator = operator.unwrap_or_default();
    let done = match command {
        Command::Serve(all) => roles::run(&place, &all.serving, Roles::All(all.relay)).await,
        Command::Api(serving) => roles::run(&place, &serving, Roles::Api).await,
        Command::Projector { relay, .. } => alone::run(&place.database, relay).await,
        Command::Migrate => open_store(&place).await.map(drop),
        Command::Account(action) => {
            let store = if action.may_begin() {
                open_store(&place).await?
            } else {
                find_store(&place).await?
            };
            action.run(&store, &operator).await
        }
        Command::Key(action) => action.run(&find_store(&place).await?, &operator).await,
        Command::History(history) => history.run(&find_store(&place).await?).await,
        Command::Rebuild { projection } => cli::rebuild::run(&place, projection.as_deref()).await,
        Command::Verify(arguments) => return Ok(verify(&place, &arguments).await),
        Command::MasterKey(action) => action.run(&place).await,
        Command::Backup {
            folder,
            without_secrets,
        } => cli::archive::backup(&place, &folder, !without_secrets).await,
        Command::Restore { folder } => cli::archive::restore(&place, &folder).await,
        Command::Gc(arguments) => cli::gc::run(&place, &arguments).await,
    };
    done.map(|()| ExitCode::SUCCESS)
}

/// The exit code distinguishes "something is wrong" from "could not be checked".
async fn verify(place: &Place, arguments: &VerifyArguments) -> ExitCode {
    match cli::verify::run(place, arguments).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            complain(&error);
            ExitCode::from(2)
        }
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
