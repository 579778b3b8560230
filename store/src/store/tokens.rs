//! Token families.

use photolog_domain::KeyId;
use uuid::Uuid;

use super::{Store, on_backend};
use crate::backend::TokenTables;
use crate::error::StoreError;
use crate::tokens::{NewTokenFamily, Refreshed, TokenFamily};

impl Store {
    /// Begins a family, and makes room for it; `None` when the key is not, or no longer, valid.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn begin_token_family(
        &self,
        new: &NewTokenFamily,
    ) -> Result<Option<TokenFamily>, StoreError> {
        on_backend!(&self.backend, begin_token_family(new))
    }

    /// The family, unless it has ended or its key was revoked. One indexed query, because every
    /// request with a token needs it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn token_family(&self, family: Uuid) -> Result<Option<TokenFamily>, StoreError> {
        let found = on_backend!(&self.backend, token_family(family))?;
        let mut live = found.filter(TokenFamily::is_live);
        if let Some(family) = &mut live {
            let newer = self.has_newer_events(family.account, family.account_sequence);
            family.has_newer_events = newer.await?;
        }
        Ok(live)
    }

    /// Spends the refresh token of this number, or ends the family if it was spent before. Concurrent
    /// requests, on any node, all get the same successor.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn refresh_token_family(
        &self,
        family: Uuid,
        key_id: &KeyId,
        number: i64,
    ) -> Result<Refreshed, StoreError> {
        on_backend!(&self.backend, refresh_token_family(family, key_id, number))
    }

    /// Ends a family of this key permanently: once this returns, every node refuses all its tokens.
    /// Does nothing when no such family exists.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn end_token_family(&self, family: Uuid, key_id: &KeyId) -> Result<(), StoreError> {
        on_backend!(&self.backend, end_token_family(family, key_id))
    }
}
