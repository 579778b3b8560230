//! Access keys and accounts: tables kept in the append's own transaction, so that a
//! revoked key stops working at the moment of its commit, on every node.

use photolog_domain::{AccountId, AccountStatus, KeyId, KeyVerifiers, Name, Scope, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// How often at most the use of a key is noted, in milliseconds.
pub const KEY_USE_MILLIS: i64 = 60_000;

/// An access key that was not revoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRecord {
    /// Its public half.
    pub key_id: KeyId,
    /// The tenant it belongs to.
    pub account: AccountId,
    /// By what its requests are checked; `None` when they were lost with the master key or left out
    /// of a backup.
    pub verifiers: Option<KeyVerifiers>,
    /// Whether the log holds the key by which its requests are signed, so that no signature counts.
    pub signing_key_logged: bool,
    /// What it may do.
    pub scopes: BTreeSet<Scope>,
    /// From when on it does not work any more.
    pub expires_at: Option<Timestamp>,
    /// Whether the tenant's keys are taken.
    pub account_status: AccountStatus,
    /// The sequence of the tenant's stream.
    pub(crate) account_sequence: u64,
    /// Whether that stream has events that only a newer program knows, so that its keys are refused
    /// whatever the status is.
    pub has_newer_events: bool,
}

/// An account, for the operator's list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountRecord {
    /// Its id.
    pub account: AccountId,
    /// What people call it.
    pub name: String,
    /// Most enabled images; `None` = the server's setting.
    pub image_limit: Option<u32>,
    /// Whether its keys and links are taken.
    pub status: AccountStatus,
    /// When it was opened.
    pub created_at: Timestamp,
    /// How many enabled images it has.
    pub images: u64,
}

/// What the keys of an account are called that did something.
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
