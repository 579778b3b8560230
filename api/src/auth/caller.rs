//! The caller of a request, and what its key may do.

use std::collections::BTreeSet;
use std::time::Instant;

use photolog_domain::{AccountId, AccountStatus, KeyId, Scope};
use photolog_store::KeyRecord;
use uuid::Uuid;

use crate::error::ApiError;

/// The caller of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The tenant.
    pub account: AccountId,
    /// The key: the actor of every event.
    pub key_id: KeyId,
    /// What it may do.
    pub scopes: BTreeSet<Scope>,
    /// When its token ends; `None` for a key's own secret.
    pub holds_until: Option<Instant>,
    /// The log-in that its token comes from; `None` for a key's own secret.
    pub family: Option<Uuid>,
    /// When the credentials were checked.
    pub checked_at: Instant,
}

impl Caller {
    /// The owner of a key that has proved it.
    ///
    /// # Errors
    /// `Forbidden` when the key's account is not open.
    pub fn of_key(key: KeyRecord) -> Result<Self, ApiError> {
        check_status(&key.account_status)?;
        Ok(Self {
            account: key.account,
            key_id: key.key_id,
            scopes: key.scopes,
            holds_until: None,
            family: None,
            checked_at: Instant::now(),
        })
    }

    /// Checks a scope.
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

    /// Checks that the account in a path is the caller's own. Another's is "not found", so
    /// that nobody learns which accounts exist.
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

/// Refuses the keys of an account that is suspended or closed, once they have proved to be its own.
///
/// # Errors
/// `Forbidden`, with the operator's reason.
pub fn check_status(status: &AccountStatus) -> Result<(), ApiError> {
    match status {
        AccountStatus::Open => Ok(()),
        AccountStatus::Suspended(_) | AccountStatus::Closed(_) => {
            Err(ApiError::forbidden(format!("the account is {status}")))
        }
    }
}
