//! The `Account` aggregate: a tenant, its keys and its limits, so that the log that shows who did
//! write also shows who *could*.

use std::collections::BTreeMap;
use std::fmt;

use cqrs_es::Aggregate;
use cqrs_es::event_sink::EventSink;
use serde::{Deserialize, Serialize};

use crate::command::{AccountCommand, Dated};
use crate::error::AccountError;
use crate::event::{AccountEvent, ForwardCompatible};
use crate::ids::KeyId;
use crate::invalid_value::InvalidValue;
use crate::key::Key;
use crate::name::Reason;
use crate::timestamp::Timestamp;

/// One account, or the absence of one before its first event.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Account(Option<AccountState>);

/// The state of an account after the events so far.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AccountState {
    /// Its name. Old accounts may have any text.
    pub name: String,
    /// The maximum number of enabled images; `None` = the server's setting.
    pub image_limit: Option<u32>,
    /// Whether its keys and links are accepted.
    pub status: AccountStatus,
    /// Every key that was ever issued.
    pub keys: BTreeMap<KeyId, IssuedKey>,
    /// When it was opened.
    pub created_at: Timestamp,
    /// Whether the stream contains events that only a newer version knows, in which case the rest
    /// of the state may be wrong; its keys are refused.
    pub has_newer_events: bool,
}

/// Whether an account's keys and links are accepted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum AccountStatus {
    /// Both are accepted.
    #[default]
    Open,
    /// Its keys are refused; its public links work.
    Suspended(Option<Reason>),
    /// Both are refused.
    Closed(Option<Reason>),
}

/// A key that was issued.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuedKey {
    /// The key as its event describes it.
    pub key: Key,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

/// Whether a key is accepted, or why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// It is accepted.
    Works,
    /// It has expired.
    Expired,
    /// It was revoked.
    Revoked,
    /// Its account is suspended.
    Suspended,
    /// Its account is closed.
    Closed,
    /// Its account has events that only a newer version knows.
    Newer,
}

impl AccountStatus {
    /// The status as one word, for tables and lists.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Suspended(_) => "suspended",
            Self::Closed(_) => "closed",
        }
    }

    /// The reason why it is not open, if one was given.
    pub fn reason(&self) -> Option<&Reason> {
        match self {
            Self::Open => None,
            Self::Suspended(reason) | Self::Closed(reason) => reason.as_ref(),
        }
    }
}

/// The word, and the reason if there is one.
impl fmt::Display for AccountStatus {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())?;
        match self.reason() {
            Some(reason) => write!(formatter, ": {reason}"),
            None => Ok(()),
        }
    }
}

impl KeyState {
    /// The state as one word, for lists.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Works => "works",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::Suspended => "suspended",
            Self::Closed => "closed",
            Self::Newer => "newer",
        }
    }
}

impl AccountState {
    /// Whether a key of this account is accepted at a given time.
    pub fn key_state(&self, key: &IssuedKey, now: Timestamp) -> KeyState {
        let has_expired = key.key.expires_at.is_some_and(|end| end <= now);
        match &self.status {
            _ if key.revoked_at.is_some() => KeyState::Revoked,
            _ if has_expired => KeyState::Expired,
            _ if self.has_newer_events => KeyState::Newer,
            AccountStatus::Open => KeyState::Works,
            AccountStatus::Suspended(_) => KeyState::Suspended,
            AccountStatus::Closed(_) => KeyState::Closed,
        }
    }

    /// The facts that follow from this command, for an account that has been opened.
    fn decide(
        &self,
        command: AccountCommand,
        at: Timestamp,
    ) -> Result<Option<AccountEvent>, AccountError> {
        use AccountStatus::{Closed, Open, Suspended};
        if self.has_newer_events {
            return Err(AccountError::WrittenByNewerVersion);
        }
        Ok(match command {
            AccountCommand::Open { .. } => return Err(AccountError::AlreadyExists),
            AccountCommand::IssueKey { key_id, key } => {
                self.admit_key(&key_id, &key, at)?;
                Some(AccountEvent::KeyIssued { at, key_id, key })
            }
            AccountCommand::RevokeKey { key_id } => match self.keys.get(&key_id) {
                None => return Err(AccountError::KeyNotFound(key_id)),
                Some(known) if known.revoked_at.is_some() => None,
                Some(_) => Some(AccountEvent::KeyRevoked { at, key_id }),
            },
            AccountCommand::SetImageLimit(image_limit) => (image_limit != self.image_limit)
                .then_some(AccountEvent::ImageLimitSet { at, image_limit }),
            AccountCommand::Rename(name) => {
                (name.as_str() != self.name).then_some(AccountEvent::AccountRenamed { at, name })
            }
            AccountCommand::Suspend { reason } => match &self.status {
                Closed(_) => return Err(AccountError::Closed),
                Suspended(known) if *known == reason => None,
                Open | Suspended(_) => Some(AccountEvent::AccountSuspended { at, reason }),
            },
            AccountCommand::Resume => match self.status {
                Closed(_) => return Err(AccountError::Closed),
                Suspended(_) => Some(AccountEvent::AccountResumed { at }),
                Open => None,
            },
            AccountCommand::Close { reason } => match &self.status {
                Closed(known) if *known == reason => None,
                Open | Suspended(_) | Closed(_) => Some(AccountEvent::AccountClosed { at, reason }),
            },
            AccountCommand::Reopen => match self.status {
                Closed(_) => Some(AccountEvent::AccountReopened { at }),
                Suspended(_) => return Err(AccountError::Suspended),
                Open => None,
            },
        })
    }

    fn admit_key(&self, key_id: &KeyId, key: &Key, at: Timestamp) -> Result<(), AccountError> {
        if matches!(self.status, AccountStatus::Closed(_)) {
            return Err(AccountError::Closed);
        }
        if self.keys.contains_key(key_id) {
            return Err(AccountError::KeyExists(key_id.clone()));
        }
        if key.scopes.is_empty() {
            return Err(InvalidValue::new("the key", "must have at least one scope").into());
        }
        if key.expires_at.is_some_and(|end| end <= at) {
            return Err(InvalidValue::new("the expiry", "must be in the future").into());
        }
        Ok(())
    }
}

impl Account {
    /// The state, once the account has been opened.
    pub fn state(&self) -> Option<&AccountState> {
        self.0.as_ref()
    }

    /// The facts that follow from this command. A command that changes nothing yields none.
    ///
    /// # Errors
    /// An [`AccountError`] if a rule refuses the command.
    pub fn decide(
        &self,
        command: AccountCommand,
        at: Timestamp,
    ) -> Result<Vec<AccountEvent>, AccountError> {
        let event = match (&self.0, command) {
            (Some(account), command) => account.decide(command, at)?,
            (None, AccountCommand::Open { name, image_limit }) => {
                Some(AccountEvent::AccountOpened {
                    at,
                    name: name.into(),
                    image_limit,
                })
            }
            (None, _) => return Err(AccountError::NotFound),
        };
        Ok(event.into_iter().collect())
    }
}

impl Aggregate for Account {
    const TYPE: &'static str = "Account";
    type Command = Dated<AccountCommand>;
    type Event = AccountEvent;
    type Error = AccountError;
    type Services = ();

    async fn handle(
        &mut self,
        command: Self::Command,
        _services: &(),
        sink: &EventSink<Self>,
    ) -> Result<(), AccountError> {
        for event in self.decide(command.command, command.at)? {
            sink.write(event, self).await;
        }
        Ok(())
    }

    fn apply(&mut self, event: AccountEvent) {
        match (&mut self.0, event) {
            (
                state,
                AccountEvent::AccountOpened {
                    at,
                    name,
                    image_limit,
                },
            ) => {
                *state = Some(AccountState {
                    name,
                    image_limit,
                    status: AccountStatus::Open,
                    keys: BTreeMap::new(),
                    created_at: at,
                    has_newer_events: false,
                });
            }
            (Some(account), AccountEvent::KeyIssued { at, key_id, key }) => {
                let issued = IssuedKey {
                    key,
                    issued_at: at,
                    revoked_at: None,
                };
                account.keys.insert(key_id, issued);
            }
            (Some(account), AccountEvent::KeyRevoked { at, key_id }) => {
                if let Some(issued) = account.keys.get_mut(&key_id) {
                    issued.revoked_at = Some(at);
                }
            }
            (Some(account), AccountEvent::ImageLimitSet { image_limit, .. }) => {
                account.image_limit = image_limit;
            }
            (Some(account), AccountEvent::AccountRenamed { name, .. }) => {
                account.name = name.into();
            }
            (Some(account), AccountEvent::AccountSuspended { reason, .. }) => {
                account.status = AccountStatus::Suspended(reason);
            }
            (Some(account), AccountEvent::AccountClosed { reason, .. }) => {
                account.status = AccountStatus::Closed(reason);
            }
            (
                Some(account),
                AccountEvent::AccountResumed { .. } | AccountEvent::AccountReopened { .. },
            ) => {
                account.status = AccountStatus::Open;
            }
            // A stream begins with `AccountOpened`, because `decide` emits nothing else first.
            (None, _) => {}
        }
    }
}

/// After such an event the account accepts no commands, and its keys are refused.
impl ForwardCompatible for Account {
    fn apply_newer(&mut self) {
        if let Some(account) = &mut self.0 {
            account.has_newer_events = true;
        }
    }
}

#[cfg(test)]
#[path = "account_tests.rs"]
mod tests;
