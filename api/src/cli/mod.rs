//! The operator's commands.

pub mod account;
pub mod archive;
pub mod gc;
pub mod key;
pub mod master_key;
pub mod rebuild;
pub mod verify;

use std::path::PathBuf;

use anyhow::Context;
use clap::{Parser, Subcommand};
use photolog_domain::{Account, AccountCommand, AccountId, Scope};
use photolog_store::{Blobs, Conditions, Store, private};
use uuid::Uuid;

use crate::auth::secret::{NewKey, new_key};
use crate::config::Config;
use crate::executor::{CommandContext, run};

/// An image service whose source of truth is an append-only log of events.
///
/// Without a command it serves with all roles in one process: API, projector, renderer.
#[derive(Debug, Parser)]
#[command(name = "photolog", version)]
pub struct Cli {
    /// What to do; nothing = serve.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The settings.
    #[command(flatten)]
    pub config: Config,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve the API alone; `photolog-projector` runs beside it
    Api,
    /// Bring the database's tables to the present shape, and nothing else
    Migrate,
    /// Open and list accounts
    #[command(subcommand)]
    Account(account::AccountAction),
    /// Issue, list and revoke access keys, and end all tokens
    #[command(subcommand)]
    Key(key::KeyAction),
    /// Make and rotate the master key, which wraps the secrets in the database
    #[command(subcommand)]
    MasterKey(master_key::MasterKeyAction),
    /// Build a read model anew from the log, while reads and writes go on
    Rebuild {
        /// Which
        #[arg(default_value = "image_view")]
        projection: rebuild::Projection,
    },
    /// Check that read models equal a fold of the log, and that every picture is there
    Verify,
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

/// What Photolog keeps in the data folder.
const DATA_FOLDER: &[&str] = &[
    "address",
    "blobs",
    "credentials.json",
    "curl.conf",
    "incoming",
    "master.key",
    "photolog.sqlite",
    "photolog.sqlite-shm",
    "photolog.sqlite-wal",
    "renditions",
];

/// Opens the database and migrates it, with a message that names the setting when it cannot.
///
/// # Errors
/// When it cannot.
pub async fn open_store(config: &Config) -> anyhow::Result<Store> {
    let folder = &config.data_dir;
    private::make_folder(folder)
        .and_then(|()| private::close_folder(folder, DATA_FOLDER))
        .with_context(|| format!("--data-dir {} cannot be used", folder.display()))?;
    config.database.open(folder).await
}

/// Opens the place of the pictures, with a message that names the setting when it cannot.
///
/// # Errors
/// When it cannot.
pub async fn open_blobs(config: &Config) -> anyhow::Result<Blobs> {
    let blobs = Blobs::open(&config.blobs()).await;
    blobs.with_context(|| match &config.blob_url {
        Some(_) => "--blob-url cannot be used".to_owned(),
        None => format!("--data-dir {} cannot be used", config.data_dir.display()),
    })
}

/// Opens an account with one key.
///
/// # Errors
/// When the database fails.
pub async fn open_account(
    store: &Store,
    name: &str,
    image_limit: Option<u32>,
    scopes: impl IntoIterator<Item = Scope>,
) -> anyhow::Result<(AccountId, NewKey)> {
    let account = AccountId::new(Uuid::now_v7());
    let open = AccountCommand::Open {
        name: name.to_owned(),
        image_limit,
    };
    execute(store, account, open, &Conditions::default()).await?;
    let new = issue_key(store, account, scopes).await?;
    Ok((account, new))
}

/// Gives out a key of an account.
///
/// # Errors
/// When there is no such account, or the database fails.
pub async fn issue_key(
    store: &Store,
    account: AccountId,
    scopes: impl IntoIterator<Item = Scope>,
) -> anyhow::Result<NewKey> {
    let new = new_key(scopes)?;
    let issue = AccountCommand::IssueKey {
        key_id: new.key_id.clone(),
        key: new.key.clone(),
    };
    let conditions = Conditions {
        verifiers: Some(new.verifiers.clone()),
        ..Conditions::default()
    };
    execute(store, account, issue, &conditions).await?;
    Ok(new)
}

/// Runs a command of the operator on an account.
///
/// # Errors
/// When the account's rules refuse it, or the database fails.
pub async fn execute(
    store: &Store,
    account: AccountId,
    command: AccountCommand,
    conditions: &Conditions,
) -> anyhow::Result<()> {
    run::<Account, _>(
        store,
        account.uuid(),
        &command,
        |_| Ok(()),
        conditions,
        &CommandContext::operator(),
    )
    .await
    .map(|_| ())
    .map_err(|error| anyhow::anyhow!("{error}"))
}

/// A line of a command's result.
#[expect(
    clippy::print_stdout,
    reason = "the result of a command belongs on standard output"
)]
pub(crate) fn print(line: impl std::fmt::Display) {
    println!("{line}");
}
