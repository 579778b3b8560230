//! `photolog key …`

use clap::Subcommand;
use photolog_domain::{Account, AccountCommand, AccountError, AccountId, KeyId, Scope};
use photolog_store::{Conditions, Store};

use crate::auth::secret::random;
use crate::cli::{execute, issue_key, print};

/// What to do with access keys.
#[derive(Debug, Subcommand)]
pub enum KeyAction {
    /// Give out a key, which is shown once
    Issue {
        /// The account
        account: AccountId,
        /// What the key may do: images.read, images.write, history.read
        #[arg(
            long,
            value_delimiter = ',',
            default_value = "images.read,images.write,history.read"
        )]
        scopes: Vec<Scope>,
    },
    /// List an account's keys
    List {
        /// The account
        account: AccountId,
    },
    /// End every access and refresh token at once, on all nodes; clients log in again by their keys
    RotateTokenSecret,
    /// Take a key back: it and its tokens stop working at once
    Revoke {
        /// The account
        account: AccountId,
        /// The key
        key: KeyId,
    },
}

impl KeyAction {
    /// Does it.
    ///
    /// # Errors
    /// When there is no such account or key, or the database fails.
    pub async fn run(self, store: &Store) -> anyhow::Result<()> {
        match self {
            Self::Issue { account, scopes } => {
                let new = issue_key(store, account, scopes).await?;
                print(format_args!("key id  {}", new.key_id));
                print(format_args!("secret  {}", new.secret));
            }
            Self::List { account } => {
                let loaded = store.load::<Account>(account.uuid()).await?;
                let state = loaded.aggregate.state().ok_or(AccountError::NotFound)?;
                for (key_id, key) in &state.keys {
                    let scopes: Vec<_> = key.scopes.iter().map(|scope| scope.as_str()).collect();
                    let scopes = scopes.join(",");
                    match key.logged_verifiers {
                        None => print(format_args!("{key_id}  works    {scopes}")),
                        Some(_) => print(format_args!(
                            "{key_id}  works    {scopes}  (not for signed requests: reissue it)"
                        )),
                    }
                }
                for key_id in &state.revoked {
                    print(format_args!("{key_id}  revoked"));
                }
            }
            Self::RotateTokenSecret => {
                let rotated = store.rotate_token_secret(random()?).await?;
                print(format_args!(
                    "every token has ended: the token secret has version {} now",
                    rotated.version
                ));
            }
            Self::Revoke { account, key } => {
                let revoke = AccountCommand::RevokeKey { key_id: key };
                execute(store, account, revoke, &Conditions::default()).await?;
            }
        }
        Ok(())
    }
}
