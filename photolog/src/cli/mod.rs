//! The operator's commands.

pub mod account;
pub mod archive;
mod command_line;
pub mod gc;
pub mod history;
pub mod key;
pub mod master_key;
pub(crate) mod new_key;
pub mod rebuild;
pub mod table;
pub mod verify;

use crate::installation::Place;
use clap::builder::PossibleValuesParser;
use clap::{Args, Parser, Subcommand};
pub use command_line::unknown_variables;
use photolog_api::config::Serving;
use photolog_api::operator::Operator;
use photolog_projector::settings::RelaySettings;
use photolog_telemetry::{ExportSettings, LogSettings};
use std::path::PathBuf;

/// An image service whose source of truth is an append-only log of events.
///
/// Without a command it serves with all roles in one process: API, projector, renderer. `photolog
/// COMMAND --help` lists the settings that act on a command.
#[derive(Debug, Parser)]
#[command(name = "photolog", version)]
pub struct Cli {
    /// The command; without one, the program serves.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Label of the operator: the actor of the events is then operator:LABEL [default: operator]
    #[arg(
        id = "operator",
        long = "as",
        value_name = "LABEL",
        env = "PHOTOLOG_AS",
        global = true
    )]
    pub operator: Option<Operator>,
    /// The location of the installation.
    #[command(flatten)]
    pub place: Place,
    /// What is logged.
    #[command(flatten)]
    pub log: LogSettings,
    /// The settings for serving without a command.
    #[command(flatten)]
    pub all_roles: AllRoles,
}

/// The settings of a process with all roles.
#[derive(Args, Clone, Debug)]
pub struct AllRoles {
    /// How the API serves.
    #[command(flatten)]
    pub serving: Serving,
    /// Where events are published.
    #[command(flatten)]
    pub relay: RelaySettings,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve with all roles in one process, as without a command
    Serve(Box<AllRoles>),
    /// Serve the API alone, on PostgreSQL; `photolog projector` runs beside it
    Api(Box<Serving>),
    /// Fill the read models from the log and publish it to NATS, beside API nodes
    Projector {
        /// Where events are published.
        #[command(flatten)]
        relay: RelaySettings,
        /// Metrics and traces.
        #[command(flatten)]
        exports: ExportSettings,
    },
    /// Migrate the database's tables to the current version, and do nothing else
    Migrate,
    /// Open, list, rename, limit, suspend and close accounts
    #[command(subcommand)]
    Account(account::AccountAction),
    /// Issue, list and revoke access keys, and end all tokens
    #[command(subcommand)]
    Key(key::KeyAction),
    /// Show who did what: the events of accounts, keys and images
    History(history::HistoryArguments),
    /// Make and rotate the master key, which wraps the secrets in the database
    #[command(subcommand)]
    MasterKey(master_key::MasterKeyAction),
    /// Rebuild a read model from the log, while reads and writes continue
    Rebuild {
        /// The read model; all of them by default
        #[arg(value_parser = PossibleValuesParser::new(rebuild::names()))]
        projection: Option<String>,
    },
    /// Check the log, everything derived from it, and every picture; changes nothing
    ///
    /// Exits with 0 when all is well, 1 when something is wrong, 2 when the check could not be
    /// completed.
    Verify(verify::VerifyArguments),
    /// Copy all events and pictures into a folder, or bring a copy up to date
    Backup {
        /// The folder
        folder: PathBuf,
        /// Leave out the wrapped secrets: after a restore every key must be reissued
        #[arg(long)]
        without_secrets: bool,
    },
    /// Fill an empty installation from a backup
    Restore {
        /// The folder
        folder: PathBuf,
    },
    /// Remove pictures that no event names
    Gc(gc::GcArguments),
}
