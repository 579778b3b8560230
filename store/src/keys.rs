//! Access keys and accounts: tables kept in the append's own transaction, so that a
//! revoked key stops working at the moment of its commit, on every node.

use photolog_domain::{AccountId, AccountStatus, KeyId, KeyVerifiers, Name, Scope, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// Minimum interval between two recorded uses of a key, in milliseconds.
pub const KEY_USE_MILLIS: i64 = 60_000;

/// An access key that has not been revoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRecord {
    /// Its public half.
    pub key_id: KeyId,
    /// The tenant it belongs to.
    pub account: AccountId,
    /// The verifiers of its requests; `None` when they were lost with the master key or left out of a
    /// backup.
    pub verifiers: Option<KeyVerifiers>,
    /// Whether the log contains the key that signs its requests, so that no signature is accepted.
    pub signing_key_logged: bool,
    /// What it may do.
    pub scopes: BTreeSet<Scope>,
    /// When it expires.
    pub expires_at: Option<Timestamp>,
    /// Whether the tenant's keys are accepted.
    pub account_status: AccountStatus,
    /// The sequence of the tenant's stream.
    pub(crate) account_sequence: u64,
    /// Whether that stream has events known only to a newer program; the tenant's keys are then
    /// refused whatever the status is.
    pub has_newer_events: bool,
}

/// An account, for the operator's list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountRecord {
    /// Its id.
    pub account: AccountId,
    /// Its display name.
    pub name: String,
    /// Maximum number of enabled images; `None` = the server's setting.
    pub image_limit: Option<u32>,
    /// Whether its keys and links are accepted.
    pub status: AccountStatus,
    /// When it was opened.
    pub created_at: Timestamp,
    /// How many enabled images it has.
    pub images: u64,
}

/// The names of an account's keys that have acted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ActorNames(BTreeMap<String, Name>);

impl ActorNames {
    pub(crate) fn new(names: impl Iterator<Item = (String, Name)>) -> Self {
        Self(names.collect())
    }

    /// The name of a key; `None` for a key without a name, and for an actor that is not a key.
    pub fn get(&self, actor: &str) -> Option<&Name> {
        self.0.get(actor)
    }
}
