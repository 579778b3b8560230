//! Access keys and accounts.

use std::collections::{BTreeMap, BTreeSet};

use photolog_domain::{Account, AccountId, AccountState, ContentHash, ImageId, KeyId, Timestamp};

use super::{Store, on_backend};
use crate::backend::KeyTables;
use crate::error::StoreError;
use crate::keys::{AccountRecord, ActorNames, KeyRecord};

impl Store {
    /// The key, unless it is unknown, revoked or expired.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn key(&self, key_id: &KeyId) -> Result<Option<KeyRecord>, StoreError> {
        let mut key = on_backend!(&self.backend, key(key_id))?;
        if let Some(key) = &mut key {
            let newer = self.has_newer_events(key.account, key.account_sequence);
            key.has_newer_events = newer.await?;
        }
        Ok(key)
    }

    /// Whether an account has events known only to a newer program, up to this sequence of its
    /// stream. Only the fold shows this; it is in memory after the account's first request. No table
    /// can, because the program that appended the event may not have known about this one.
    pub(super) async fn has_newer_events(
        &self,
        account: AccountId,
        sequence: u64,
    ) -> Result<bool, StoreError> {
        let has = |account: &Account| account.state().is_some_and(|state| state.has_newer_events);
        match self.folds.shared::<Account>(account.uuid(), sequence) {
            Some(known) => Ok(has(&known)),
            None => Ok(has(&self.load::<Account>(account.uuid()).await?.aggregate)),
        }
    }

    /// The enabled image of an account that holds these bytes.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn content_holder(
        &self,
        account: AccountId,
        digest: &ContentHash,
    ) -> Result<Option<ImageId>, StoreError> {
        on_backend!(&self.backend, content_holder(account, digest))
    }

    /// Every account, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn accounts(&self) -> Result<Vec<AccountRecord>, StoreError> {
        on_backend!(&self.backend, accounts())
    }

    /// Records that a key was used now, unless a use was recorded within the last minute.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn note_key_use(&self, account: AccountId, key_id: &KeyId) -> Result<(), StoreError> {
        on_backend!(&self.backend, note_key_use(account, key_id))
    }

    /// When the keys of an account were last used, to the minute; keys never used are left out.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn key_uses(
        &self,
        account: AccountId,
    ) -> Result<BTreeMap<KeyId, Timestamp>, StoreError> {
        on_backend!(&self.backend, key_uses(account))
    }

    /// The names of these actors of an account's events, including revoked keys. A key's name never
    /// changes, so this seldom needs the database.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn actor_names(
        &self,
        account: AccountId,
        actors: impl IntoIterator<Item = &str>,
    ) -> Result<ActorNames, StoreError> {
        let keys: BTreeSet<KeyId> = actors
            .into_iter()
            .filter_map(|actor| actor.parse().ok())
            .collect();
        if keys.is_empty() {
            return Ok(ActorNames::default());
        }
        let knows_all = |state: &AccountState| keys.iter().all(|key| state.keys.contains_key(key));
        let remembered = self.remembered::<Account>(account.uuid());
        let loaded = match remembered {
            Some(known) if known.aggregate.state().is_some_and(knows_all) => known,
            _ => self.load::<Account>(account.uuid()).await?,
        };
        let Some(state) = loaded.aggregate.state() else {
            return Ok(ActorNames::default());
        };
        let named = keys.into_iter().filter_map(|key_id| {
            let name = state.keys.get(&key_id)?.key.name.clone()?;
            Some((key_id.to_string(), name))
        });
        Ok(ActorNames::new(named))
    }
}
