//! Token families: the database's record of a log-in, from which all nodes agree on which of its
//! tokens are still valid.
//!
//! A family begins with a log-in. Each refresh spends the refresh token of the request and returns
//! the next one. A spent token that is used again was stolen, or the thief used it first, so it ends
//! the family. The token spent last may be repeated for a short while, because the response may have
//! been lost. All times are from the database's clock, so nodes need no common clock.

use photolog_domain::{AccountId, AccountStatus, KeyId, Scope};
use std::collections::BTreeSet;
use uuid::Uuid;

/// Maximum number of families of a key; one more ends the oldest. So a client that logs in again for
/// every request does not fill the disk.
pub const FAMILIES_PER_KEY: u32 = 1_000;

/// How long a spent refresh token may be repeated, in milliseconds.
pub const REPEAT_MILLIS: i64 = 30_000;

/// How many ended and surplus rows a new family removes at most: more than it adds, but never so many
/// that a log-in takes long.
pub(crate) const REMOVED_AT_ONCE: u32 = 16;

/// A family to begin.
#[derive(Clone, Debug)]
pub struct NewTokenFamily {
    /// Its id.
    pub family: Uuid,
    /// The key that logs in.
    pub key_id: KeyId,
    /// The granted scope, in the format of the dialect that logs in.
    pub scope: String,
    /// Its lifetime, unless its key expires first.
    pub lifetime_millis: i64,
}

/// A family that has not ended, and the key it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenFamily {
    /// Its id.
    pub family: Uuid,
    /// The tenant of the key.
    pub account: AccountId,
    /// The key.
    pub key_id: KeyId,
    /// What the key may do.
    pub key_scopes: BTreeSet<Scope>,
    /// The family's granted scope, in the format of the dialect that logged in.
    pub scope: String,
    /// When it ends, in milliseconds since 1970.
    pub expires_at: i64,
    /// The number of the current refresh token.
    pub refresh_number: i64,
    /// When that token became current.
    pub refreshed_at: i64,
    /// The current time, by the database's clock.
    pub now: i64,
    /// The current version of the secret that signs tokens.
    pub secret_version: i64,
    /// Whether the tenant's keys are accepted.
    pub account_status: AccountStatus,
    /// The sequence of the tenant's stream.
    pub(crate) account_sequence: u64,
    /// Whether that stream has events known only to a newer program; the tenant's keys are then
    /// refused whatever the status is.
    pub has_newer_events: bool,
}

/// The outcome of a refresh request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refreshed {
    /// The family continues; its `refresh_number` is that of the next refresh token.
    Granted(TokenFamily),
    /// The refresh token was spent before; the family is ended.
    Reused,
    /// This key has no such family, or no longer.
    Unknown,
}

/// What to do with a refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RefreshStep {
    /// Spend it.
    Advance,
    /// Return its successor once more.
    Repeat,
    /// End the family.
    End,
    /// Refuse it.
    Refuse,
}

impl TokenFamily {
    /// Whether the family has not expired.
    pub(crate) fn is_live(&self) -> bool {
        self.now < self.expires_at
    }

    pub(crate) fn step(&self, number: i64) -> RefreshStep {
        let since = self.now - self.refreshed_at;
        if number == self.refresh_number {
            RefreshStep::Advance
        } else if number + 1 == self.refresh_number && since < REPEAT_MILLIS {
            RefreshStep::Repeat
        } else if number < self.refresh_number {
            RefreshStep::End
        } else {
            // A power cut lost the refresh that issued it.
            RefreshStep::Refuse
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spent_refresh_token_may_come_again_for_a_while_and_then_ends_the_family() {
        let family = |refresh_number, now| TokenFamily {
            family: Uuid::nil(),
            account: AccountId::new(Uuid::nil()),
            key_id: "plk_abcdefghijklmnop".parse().unwrap(),
            key_scopes: BTreeSet::new(),
            scope: String::new(),
            expires_at: i64::MAX,
            refresh_number,
            refreshed_at: 1_000,
            now,
            secret_version: 1,
            account_status: AccountStatus::Open,
            account_sequence: 1,
            has_newer_events: false,
        };
        let soon = family(7, 1_000 + REPEAT_MILLIS - 1);
        assert_eq!(soon.step(7), RefreshStep::Advance);
        assert_eq!(soon.step(6), RefreshStep::Repeat);
        assert_eq!(soon.step(5), RefreshStep::End);
        assert_eq!(soon.step(8), RefreshStep::Refuse);
        let late = family(7, 1_000 + REPEAT_MILLIS);
        assert_eq!(late.step(7), RefreshStep::Advance);
        assert_eq!(late.step(6), RefreshStep::End);
    }
}
