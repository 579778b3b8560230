//! The operator's commands on accounts, at the command line and at the first start.

use photolog_domain::{Account, AccountCommand, AccountId, Name, Scope};
use photolog_store::{Conditions, Store};
use uuid::Uuid;

use crate::auth::secret::{NewKey, new_key};
use crate::executor::{CommandContext, CommandRequest, execute};
use crate::http::conditional::IfMatch;
use crate::operator::Operator;

/// Opens an account with one key.
///
/// # Errors
/// When the database fails.
pub async fn open_account(
    store: &Store,
    operator: &Operator,
    name: Name,
    image_limit: Option<u32>,
    scopes: impl IntoIterator<Item = Scope>,
) -> anyhow::Result<(AccountId, NewKey)> {
    let account = AccountId::new(Uuid::now_v7());
    let open = AccountCommand::Open { name, image_limit };
    execute_on_account(store, operator, account, open, Conditions::default()).await?;
    let new = new_key(scopes)?;
    issue_key(store, operator, account, &new).await?;
    Ok((account, new))
}

/// Issues a key for an account.
///
/// # Errors
/// When there is no such account, or the database fails.
pub async fn issue_key(
    store: &Store,
    operator: &Operator,
    account: AccountId,
    new: &NewKey,
) -> anyhow::Result<()> {
    let issue = AccountCommand::IssueKey {
        key_id: new.key_id.clone(),
        key: new.key.clone(),
    };
    let conditions = Conditions {
        verifiers: Some(new.verifiers.clone()),
        ..Conditions::default()
    };
    execute_on_account(store, operator, account, issue, conditions).await?;
    Ok(())
}

/// Runs a command of the operator on an account; returns the resulting account.
///
/// # Errors
/// When the account's rules reject it, or the database fails.
pub async fn execute_on_account(
    store: &Store,
    operator: &Operator,
    account: AccountId,
    command: AccountCommand,
    conditions: Conditions,
) -> anyhow::Result<Account> {
    let request = CommandRequest {
        account,
        stream: account.uuid(),
        command,
        if_match: IfMatch::Any,
        conditions,
        context: CommandContext::operator(operator),
    };
    let outcome = execute::<Account, _>(store, &request).await;
    Ok(outcome?.aggregate)
}
