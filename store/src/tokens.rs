//! Token families: what the database remembers of a log-in, so that all nodes agree on which of its
//! tokens still count.
//!
//! A family begins with a log-in. Each refresh spends the refresh token it was asked with and gives
//! the next one. A spent token that comes back was stolen, or its thief was faster, so it ends the
//! family; but for a short while the one spent last may come again, because its answer may have been
//! lost on the way. All times are the database's own, so nodes need no common clock.

use photolog_domain::{AccountId, AccountStatus, KeyId, Scope};
use std::collections::BTreeSet;
use uuid::Uuid;

/// Most families a key has at once; one more ends the oldest. So a client that logs in again for
/// every request fills no disk.
pub const FAMILIES_PER_KEY: u32 = 1_000;

/// How long a spent refresh token may be used again, in milliseconds.
pub const REPEAT_MILLIS: i64 = 30_000;

/// How many rows a new family removes at most, of those that ended and of those that are too many:
/// more than it adds, and never so many that a log-in takes long.
pub(crate) const REMOVED_AT_ONCE: u32 = 16;

/// A family to begin.
#[derive(Clone, Debug)]
pub struct NewTokenFamily {
    /// Its id.
    pub family: Uuid,
    /// The key that logs in.
    pub key_id: KeyId,
    /// What it was granted, in the words of the dialect that logs in.
    pub scope: String,
    /// How long it lives, if its key does.
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
    /// What the family was granted, in the words of the dialect that logged in.
    pub scope: String,
    /// When it ends, in milliseconds since 1970.
    pub expires_at: i64,
    /// The number of the refresh token that counts.
    pub refresh_number: i64,
    /// Since when that one counts.
    pub refreshed_at: i64,
    /// The present moment, by the database's clock.
    pub now: i64,
    /// The version of the secret that signs tokens now.
    pub secret_version: i64,
    /// Whether the tenant's keys are taken.
    pub account_status: AccountStatus,
    /// The sequence of the tenant's stream.
    pub(crate) account_sequence: u64,
    /// Whether that stream has events that only a newer program knows, so that its keys are refused
    /// whatever the status is.
    pub has_newer_events: bool,
}

/// What becomes of a request to refresh.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refreshed {
    /// The family goes on; its `refresh_number` is that of the next refresh token.
    Granted(TokenFamily),
    /// The refresh token was spent before: the family has ended now.
    Reused,
    /// There is no such family of this key, or no longer.
    Unknown,
}

/// What to do about a refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RefreshStep {
    /// Spend it.
    Advance,
    /// Give its successor once more.
    Repeat,
    /// End the family.
    End,
    /// Refuse it.
    Refuse,
}

impl TokenFamily {
    /// Whether it still counts.
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
            // A power cut took the refresh that gave it out.
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
