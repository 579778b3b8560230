//! Secrets of the installation, and the master key that wraps them.

use super::{Store, on_backend};
use crate::backend::SecretTables;
use crate::error::StoreError;
use crate::secrets::{TokenSecret, WrappedSecrets};

impl Store {
    /// The secret with which this installation signs access tokens, shared by all nodes. `fresh` is
    /// stored when there is none yet.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn token_secret(&self, fresh: [u8; 32]) -> Result<TokenSecret, StoreError> {
        self.put_token_secret(fresh, false).await
    }

    /// Replaces the secret with `fresh`, as the next version, and ends every family: no node accepts
    /// an earlier token.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn rotate_token_secret(&self, fresh: [u8; 32]) -> Result<TokenSecret, StoreError> {
        self.put_token_secret(fresh, true).await
    }

    async fn put_token_secret(
        &self,
        fresh: [u8; 32],
        rotates: bool,
    ) -> Result<TokenSecret, StoreError> {
        on_backend!(&self.backend, put_token_secret(fresh, rotates))
    }

    /// Adds the next master key to the file, for a rotation that all nodes must prepare for.
    ///
    /// # Errors
    /// When the database fails, or the file cannot be replaced.
    pub async fn prepare_master_key(&self) -> Result<(), StoreError> {
        on_backend!(&self.backend, prepare_master_key())
    }

    /// Rewraps every secret under the next master key of the file, in one transaction; returns how
    /// many there are. The old key stays in the file until [`Self::forget_old_master_key`], so that
    /// the file opens the database whether or not the transaction was committed.
    ///
    /// # Errors
    /// When the file holds no next key, or the database fails.
    pub async fn rotate_master_key(&self) -> Result<usize, StoreError> {
        on_backend!(&self.backend, rotate_master_key())
    }

    /// Removes every master key from the file except the one in use.
    ///
    /// # Errors
    /// When the database fails, or the file cannot be replaced.
    pub async fn forget_old_master_key(&self) -> Result<(), StoreError> {
        on_backend!(&self.backend, forget_old_master_key())
    }

    /// The names of the secrets that the master key does not open.
    pub fn unopened_secrets(&self, secrets: &WrappedSecrets) -> Vec<String> {
        secrets.unopened(&self.master_key)
    }

    /// All secrets, in the form that a backup stores.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn wrapped_secrets(&self) -> Result<WrappedSecrets, StoreError> {
        on_backend!(&self.backend, wrapped_secrets())
    }
}
