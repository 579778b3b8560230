//! `photolog account …`

use clap::Subcommand;
use photolog_domain::Scope;
use photolog_store::Store;

use crate::cli::{open_account, print};

/// What to do with accounts.
#[derive(Debug, Subcommand)]
pub enum AccountAction {
    /// Open an account with one key, which is shown once
    Create {
        /// What people call it
        name: String,
        /// Most enabled images [default: the server's setting]
        #[arg(long)]
        images: Option<u32>,
    },
    /// List all accounts
    List,
}

impl AccountAction {
    /// Does it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn run(self, store: &Store) -> anyhow::Result<()> {
        match self {
            Self::Create { name, images } => {
                let (account, new) = open_account(store, &name, images, Scope::ALL).await?;
                print(format_args!("account id  {account}"));
                print(format_args!("key id      {}", new.key_id));
                print(format_args!("secret      {}", new.secret));
            }
            Self::List => {
                for account in store.accounts().await? {
                    let images = account
                        .image_limit
                        .map_or_else(|| "default".to_owned(), |limit| limit.to_string());
                    print(format_args!(
                        "{}  {images}  {}",
                        account.account, account.name
                    ));
                }
            }
        }
        Ok(())
    }
}
