//! `photolog account …`

use std::str::FromStr;

use clap::Subcommand;
use photolog_domain::{AccountCommand, AccountError, AccountId, Name, Reason, Scope};
use photolog_store::{Conditions, Store};
use serde_json::json;

use crate::cli::new_key::print_new_key;
use crate::cli::table::{ListFormat, ResultFormat, Table, print_json};
use crate::output::print;
use photolog_api::operator::Operator;
use photolog_api::operator_commands::{execute_on_account, open_account};

/// What to do with accounts.
#[derive(Debug, Subcommand)]
pub enum AccountAction {
    /// Open an account with one key, which is shown only once
    Create {
        /// Its name: 1 to 200 characters
        name: Name,
        /// The maximum number of enabled images [default: the server's setting]
        #[arg(long)]
        images: Option<u32>,
        /// The format of the result
        #[arg(long, value_enum, default_value_t)]
        format: ResultFormat,
    },
    /// List all accounts
    List {
        /// The format of the list
        #[arg(long, value_enum, default_value_t)]
        format: ListFormat,
    },
    /// Change the maximum number of enabled images; existing images are kept
    SetLimit {
        /// The account
        account: AccountId,
        /// The maximum, or `default` for the server's setting
        limit: Limit,
    },
    /// Rename an account
    Rename {
        /// The account
        account: AccountId,
        /// Its new name: 1 to 200 characters
        name: Name,
    },
    /// Refuse its keys and tokens at once, until it is resumed; its public links keep working
    Suspend {
        /// The account
        account: AccountId,
        /// The reason, which its clients see
        #[arg(long)]
        reason: Option<Reason>,
    },
    /// Accept its keys again after it was suspended
    Resume {
        /// The account
        account: AccountId,
    },
    /// Refuse its keys, its tokens and its public links at once, until it is reopened
    Close {
        /// The account
        account: AccountId,
        /// The reason, which its clients see
        #[arg(long)]
        reason: Option<Reason>,
    },
    /// Accept its keys and links again after it was closed
    Reopen {
        /// The account
        account: AccountId,
    },
}

/// The maximum number of enabled images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit(Option<u32>);

impl FromStr for Limit {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "default" {
            return Ok(Self(None));
        }
        let limit = text.parse().map_err(|_| "must be a number or `default`")?;
        Ok(Self(Some(limit)))
    }
}

impl AccountAction {
    /// Whether the action may create an installation: the first account is opened before anything
    /// is served.
    pub fn may_begin(&self) -> bool {
        matches!(self, Self::Create { .. })
    }

    /// Runs the action.
    ///
    /// # Errors
    /// When the account does not exist, its rules refuse the command, or the database fails.
    pub async fn run(self, store: &Store, operator: &Operator) -> anyhow::Result<()> {
        let (account, command) = match self {
            Self::Create {
                name,
                images,
                format,
            } => return create(store, operator, name, images, format).await,
            Self::List { format } => return list(store, format).await,
            Self::SetLimit { account, limit } => (account, AccountCommand::SetImageLimit(limit.0)),
            Self::Rename { account, name } => (account, AccountCommand::Rename(name)),
            Self::Suspend { account, reason } => (account, AccountCommand::Suspend { reason }),
            Self::Resume { account } => (account, AccountCommand::Resume),
            Self::Close { account, reason } => (account, AccountCommand::Close { reason }),
            Self::Reopen { account } => (account, AccountCommand::Reopen),
        };
        let conditions = Conditions::default();
        let changed = execute_on_account(store, operator, account, command, conditions).await?;
        let state = changed.state().ok_or(AccountError::NotFound)?;
        print(format_args!(
            "account {account} ({}) is {}, with {}",
            state.name,
            state.status,
            match state.image_limit {
                Some(1) => "at most 1 image".to_owned(),
                Some(limit) => format!("at most {limit} images"),
                None => "as many images as the server allows".to_owned(),
            }
        ));
        Ok(())
    }
}

async fn create(
    store: &Store,
    operator: &Operator,
    name: Name,
    images: Option<u32>,
    format: ResultFormat,
) -> anyhow::Result<()> {
    let (account, new) = open_account(store, operator, name, images, Scope::ALL).await?;
    let lines = match format {
        ResultFormat::Text => format!(
            "account id  {account}\nkey id      {}\nsecret      {}",
            new.key_id, new.secret
        ),
        ResultFormat::Json => serde_json::to_string_pretty(&json!({
            "account": account,
            "key": new.key_id,
            "secret": new.secret,
        }))?,
    };
    print_new_key(store, operator, account, &new, lines).await
}

async fn list(store: &Store, format: ListFormat) -> anyhow::Result<()> {
    let accounts = store.accounts().await?;
    if format == ListFormat::Json {
        let accounts = accounts.iter().map(|account| {
            json!({
                "account": account.account,
                "name": account.name,
                "state": account.status.as_str(),
                "reason": account.status.reason(),
                "images": account.images,
                "imageLimit": account.image_limit,
                "createdAt": account.created_at,
            })
        });
        return print_json(&accounts.collect::<Vec<_>>());
    }
    let mut table = Table::new(["ACCOUNT", "STATE", "IMAGES", "LIMIT", "CREATED", "NAME"]);
    for account in accounts {
        table.push([
            account.account.to_string(),
            account.status.as_str().to_owned(),
            account.images.to_string(),
            limit_of(account.image_limit),
            account.created_at.to_string(),
            account.name,
        ]);
    }
    table.print();
    Ok(())
}

fn limit_of(limit: Option<u32>) -> String {
    limit.map_or_else(|| "default".to_owned(), |limit| limit.to_string())
}
