//! The `Account` aggregate: a tenant, its keys and its limits, so that who *could*
//! write stands in the same log as who did.

use std::collections::{BTreeMap, BTreeSet};

use cqrs_es::Aggregate;
use cqrs_es::event_sink::EventSink;
use serde::{Deserialize, Serialize};

use crate::command::{AccountCommand, Dated};
use crate::error::AccountError;
use crate::event::AccountEvent;
use crate::ids::KeyId;
use crate::key::Key;
use crate::timestamp::Timestamp;

/// One account, or the absence of one before its first event.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Account(Option<AccountState>);

/// What an account is after the events seen so far.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AccountState {
    /// What people call it.
    pub name: String,
    /// Most enabled images; `None` = the server's setting.
    pub image_limit: Option<u32>,
    /// Keys that work.
    pub keys: BTreeMap<KeyId, Key>,
    /// Keys that worked once.
    pub revoked: BTreeSet<KeyId>,
    /// When it was opened.
    pub created_at: Timestamp,
}

impl Account {
    /// The state, once the account is open.
    pub fn state(&self) -> Option<&AccountState> {
        self.0.as_ref()
    }

    /// Which facts follow from this command? A command that changes nothing yields none.
    ///
    /// # Errors
    /// An [`AccountError`] when a rule refuses the command.
    pub fn decide(
        &self,
        command: AccountCommand,
        at: Timestamp,
    ) -> Result<Vec<AccountEvent>, AccountError> {
        if let AccountCommand::Open { name, image_limit } = command {
            return match self.0 {
                Some(_) => Err(AccountError::AlreadyExists),
                None => Ok(vec![AccountEvent::AccountOpened {
                    at,
                    name,
                    image_limit,
                }]),
            };
        }
        let account = self.0.as_ref().ok_or(AccountError::NotFound)?;
        match command {
            AccountCommand::Open { .. } => Err(AccountError::AlreadyExists),
            AccountCommand::IssueKey { key_id, key } => {
                if account.keys.contains_key(&key_id) || account.revoked.contains(&key_id) {
                    return Err(AccountError::KeyExists(key_id));
                }
                Ok(vec![AccountEvent::KeyIssued { at, key_id, key }])
            }
            AccountCommand::RevokeKey { key_id } => {
                if account.revoked.contains(&key_id) {
                    Ok(vec![])
                } else if account.keys.contains_key(&key_id) {
                    Ok(vec![AccountEvent::KeyRevoked { at, key_id }])
                } else {
                    Err(AccountError::KeyNotFound(key_id))
                }
            }
            AccountCommand::SetImageLimit(image_limit) if image_limit == account.image_limit => {
                Ok(vec![])
            }
            AccountCommand::SetImageLimit(image_limit) => {
                Ok(vec![AccountEvent::ImageLimitSet { at, image_limit }])
            }
        }
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
                    keys: BTreeMap::new(),
                    revoked: BTreeSet::new(),
                    created_at: at,
                });
            }
            (Some(account), AccountEvent::KeyIssued { key_id, key, .. }) => {
                account.keys.insert(key_id, key);
            }
            (Some(account), AccountEvent::KeyRevoked { key_id, .. }) => {
                account.keys.remove(&key_id);
                account.revoked.insert(key_id);
            }
            (Some(account), AccountEvent::ImageLimitSet { image_limit, .. }) => {
                account.image_limit = image_limit;
            }
            // A stream begins with AccountOpened: `decide` emits nothing else first.
            (None, _) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::Digest;
    use crate::key::{KeyVerifiers, Scope};

    fn at() -> Timestamp {
        "2026-11-21T04:36:26.000Z".parse().unwrap()
    }

    fn key_id() -> KeyId {
        "plk_abcdefghijklmnop".parse().unwrap()
    }

    fn key() -> Key {
        let verifiers = KeyVerifiers {
            secret_sha256: Digest::new([7; 32]),
            signing_sha1: [7; 20],
        };
        Key::new(&verifiers, Scope::ALL)
    }

    fn given(events: impl IntoIterator<Item = AccountEvent>) -> Account {
        let mut account = Account::default();
        events.into_iter().for_each(|event| account.apply(event));
        account
    }

    fn opened() -> AccountEvent {
        AccountEvent::AccountOpened {
            at: at(),
            name: "demo".into(),
            image_limit: None,
        }
    }

    fn issued() -> AccountEvent {
        AccountEvent::KeyIssued {
            at: at(),
            key_id: key_id(),
            key: key(),
        }
    }

    fn revoked() -> AccountEvent {
        AccountEvent::KeyRevoked {
            at: at(),
            key_id: key_id(),
        }
    }

    #[test]
    fn a_key_is_issued_and_revoked_once() {
        let issue = AccountCommand::IssueKey {
            key_id: key_id(),
            key: key(),
        };
        let revoke = AccountCommand::RevokeKey { key_id: key_id() };
        assert_eq!(
            given([opened()]).decide(issue.clone(), at()),
            Ok(vec![issued()])
        );
        assert_eq!(
            given([opened(), issued()]).decide(issue.clone(), at()),
            Err(AccountError::KeyExists(key_id()))
        );
        assert_eq!(
            given([opened(), issued()]).decide(revoke.clone(), at()),
            Ok(vec![revoked()])
        );
        assert_eq!(
            given([opened(), issued(), revoked()]).decide(revoke.clone(), at()),
            Ok(vec![])
        );
        assert_eq!(
            given([opened(), issued(), revoked()]).decide(issue, at()),
            Err(AccountError::KeyExists(key_id()))
        );
        assert_eq!(
            given([opened()]).decide(revoke.clone(), at()),
            Err(AccountError::KeyNotFound(key_id()))
        );
        assert_eq!(given([]).decide(revoke, at()), Err(AccountError::NotFound));
    }

    #[test]
    fn a_revoked_key_is_gone_from_the_state() {
        let account = given([opened(), issued(), revoked()]);
        let state = account.state().unwrap();
        assert!(state.keys.is_empty() && state.revoked.contains(&key_id()));
    }

    #[test]
    fn an_unchanged_limit_emits_nothing() {
        let account = given([opened()]);
        assert_eq!(
            account.decide(AccountCommand::SetImageLimit(None), at()),
            Ok(vec![])
        );
        assert_eq!(
            account.decide(AccountCommand::SetImageLimit(Some(300)), at()),
            Ok(vec![AccountEvent::ImageLimitSet {
                at: at(),
                image_limit: Some(300)
            }])
        );
    }
}
