//! The caller of a request, and what its key may do.

use std::collections::BTreeSet;
use std::time::Instant;

use photolog_domain::{AccountError, AccountId, AccountStatus, KeyId, Scope};
use photolog_store::KeyRecord;
use uuid::Uuid;

use crate::error::ApiError;

/// The caller of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The caller's account, which is the tenant.
    pub account: AccountId,
    /// The key: the actor of every event.
    pub key_id: KeyId,
    /// The scopes of the key or token.
    pub scopes: BTreeSet<Scope>,
    /// When its token expires; `None` for a key's own secret.
    pub holds_until: Option<Instant>,
    /// The log-in that issued its token; `None` for a key's own secret.
    pub family: Option<Uuid>,
    /// When the credentials were checked.
    pub checked_at: Instant,
}

impl Caller {
    /// The owner of a key whose secret was verified.
    ///
    /// # Errors
    /// As [`check_account`].
    pub fn of_key(key: KeyRecord) -> Result<Self, ApiError> {
        check_account(&key.account_status, key.has_newer_events)?;
        Ok(Self {
            account: key.account,
            key_id: key.key_id,
            scopes: key.scopes,
            holds_until: None,
            family: None,
            checked_at: Instant::now(),
        })
    }

    /// Checks that the caller has a scope.
    ///
    /// # Errors
    /// `Forbidden`.
    pub fn may(&self, scope: Scope) -> Result<(), ApiError> {
        if self.scopes.contains(&scope) {
            Ok(())
        } else {
            Err(ApiError::forbidden(format!(
                "the key lacks the scope {scope}"
            )))
        }
    }

    /// Checks that the account in a path is the caller's own. Any other is "not found", so that the
    /// response does not reveal which accounts exist.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn owns(&self, account: &str) -> Result<(), ApiError> {
        match account.parse::<AccountId>() {
            Ok(account) if account == self.account => Ok(()),
            _ => Err(ApiError::not_found("account not found")),
        }
    }
}

/// Refuses keys of an account that is suspended, closed or has events that only a newer version of
/// the program can read. Called only after the key was verified.
///
/// # Errors
/// `Forbidden`, with the operator's reason, or `Unavailable`.
pub fn check_account(status: &AccountStatus, has_newer_events: bool) -> Result<(), ApiError> {
    if has_newer_events {
        return Err(AccountError::WrittenByNewerVersion.into());
    }
    match status {
        AccountStatus::Open => Ok(()),
        AccountStatus::Suspended(_) | AccountStatus::Closed(_) => {
            Err(ApiError::forbidden(format!("the account is {status}")))
        }
    }
}
