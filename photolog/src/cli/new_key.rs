//! Prints a new key, which is shown only once.

use photolog_domain::{AccountCommand, AccountId};
use photolog_store::{Conditions, Store};

use crate::output::try_to_print;
use photolog_api::auth::secret::NewKey;
use photolog_api::operator::Operator;
use photolog_api::operator_commands::execute_on_account;

/// Prints a new key, which is shown only once. If it cannot be printed, the key is revoked.
///
/// # Errors
/// When it cannot be printed.
pub(crate) async fn print_new_key(
    store: &Store,
    operator: &Operator,
    account: AccountId,
    new: &NewKey,
    lines: impl std::fmt::Display,
) -> anyhow::Result<()> {
    let Err(error) = try_to_print(lines) else {
        return Ok(());
    };
    let revoke = AccountCommand::RevokeKey {
        key_id: new.key_id.clone(),
    };
    execute_on_account(store, operator, account, revoke, Conditions::default()).await?;
    Err(anyhow::Error::from(error).context(format!(
        "the key {} of account {account} could not be printed, and was revoked",
        new.key_id
    )))
}
