//! Secrets of the installation: wrapped by the master key in a table of their own, so that the
//! database alone lets nobody act as a key or sign a token, and events hold no secret at all.

use photolog_domain::{Digest, KeyId, KeyVerifiers};
use serde::{Deserialize, Serialize};

use crate::master_key::{Check, MasterKey};
use crate::{Backend, Store, StoreError};

/// The name of the secret that signs access tokens.
pub(crate) const TOKEN_SECRET: &str = "token_secret";

/// What the name of a secret begins with that holds the verifiers of a key.
pub(crate) const KEY_PREFIX: &str = "key/";

/// The name of the row in `installation` that tells which master key is in use.
pub(crate) const MASTER_KEY: &str = "master_key";

/// Puts a secret in its place; `$4` says whether one that is there gives way.
pub(crate) const PUT: &str = "
    INSERT INTO secrets AS kept (name, version, wrapped) VALUES ($1, $2, $3)
    ON CONFLICT (name) DO UPDATE
    SET version = kept.version + 1, wrapped = excluded.wrapped WHERE $4";

/// What the database holds of its master key.
pub(crate) fn check(stored: &[u8]) -> Result<Check, StoreError> {
    let wrong = |_| StoreError::Corrupt("the check value of the master key".to_owned());
    stored.try_into().map_err(wrong)
}

/// The name of the secret that holds the verifiers of a key.
pub(crate) fn of_key(key_id: &KeyId) -> String {
    format!("{KEY_PREFIX}{key_id}")
}

/// The secret by which this installation signs access tokens.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TokenSecret {
    /// How many there were, with this one. A token of another version is void.
    pub version: i64,
    /// The secret itself.
    pub secret: [u8; 32],
}

impl std::fmt::Debug for TokenSecret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "TokenSecret(version {})", self.version)
    }
}

/// The secrets of an installation as a backup keeps them: worth nothing without the master key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrappedSecrets {
    /// Tells which master key wrapped them.
    #[serde(with = "hex")]
    pub(crate) master_key_check: [u8; 32],
    pub(crate) secrets: Vec<WrappedSecret>,
}

/// A row of the table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WrappedSecret {
    pub(crate) name: String,
    pub(crate) version: i64,
    #[serde(with = "hex")]
    pub(crate) wrapped: Vec<u8>,
}

impl WrappedSecrets {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.secrets.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.secrets.is_empty()
    }
}

impl WrappedSecret {
    pub(crate) fn token_secret(&self, master_key: &MasterKey) -> Result<TokenSecret, StoreError> {
        let secret = master_key.unwrap(&self.name, &self.wrapped)?;
        let secret = secret.try_into().map_err(|_| damaged(&self.name))?;
        Ok(TokenSecret {
            version: self.version,
            secret,
        })
    }
}

/// The verifiers of a key as one secret.
pub(crate) fn verifiers_to_bytes(verifiers: &KeyVerifiers) -> Vec<u8> {
    [
        verifiers.secret_sha256.as_bytes().as_slice(),
        &verifiers.signing_sha1,
    ]
    .concat()
}

/// The verifiers of a key, out of its secret.
pub(crate) fn open_verifiers(
    master_key: &MasterKey,
    key_id: &KeyId,
    wrapped: &[u8],
) -> Result<KeyVerifiers, StoreError> {
    let name = of_key(key_id);
    let secret = master_key.unwrap(&name, wrapped)?;
    let parts = secret
        .split_first_chunk()
        .and_then(|(secret, signing)| Some((*secret, signing.try_into().ok()?)));
    let (secret, signing_sha1) = parts.ok_or_else(|| damaged(&name))?;
    Ok(KeyVerifiers {
        secret_sha256: Digest::new(secret),
        signing_sha1,
    })
}

fn damaged(name: &str) -> StoreError {
    StoreError::Corrupt(format!("the secret {name} has another length"))
}

impl Store {
    /// The secret by which this installation signs access tokens, shared by all nodes. `fresh`
    /// becomes it when there is none yet.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn token_secret(&self, fresh: [u8; 32]) -> Result<TokenSecret, StoreError> {
        self.put_token_secret(fresh, false).await
    }

    /// Replaces the secret by `fresh`, as the next version, and ends every family: no node takes a
    /// token of before.
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
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.put_token_secret(fresh, rotates).await,
            Backend::Postgres(postgres) => postgres.put_token_secret(fresh, rotates).await,
        }
    }

    /// Adds the next master key to the file, for a rotation that all nodes must be ready for.
    ///
    /// # Errors
    /// When the database fails, or the file cannot be replaced.
    pub async fn prepare_master_key(&self) -> Result<(), StoreError> {
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.prepare_master_key().await,
            Backend::Postgres(postgres) => postgres.prepare_master_key().await,
        }
    }

    /// Wraps every secret anew under the next master key of the file, in one transaction; says how
    /// many there are. The old key stays in the file until [`Self::forget_old_master_key`], so that
    /// the file opens the database whether or not the transaction was committed.
    ///
    /// # Errors
    /// When the file holds no next key, or the database fails.
    pub async fn rotate_master_key(&self) -> Result<usize, StoreError> {
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.rotate_master_key().await,
            Backend::Postgres(postgres) => postgres.rotate_master_key().await,
        }
    }

    /// Leaves only the master key in use in the file.
    ///
    /// # Errors
    /// When the database fails, or the file cannot be replaced.
    pub async fn forget_old_master_key(&self) -> Result<(), StoreError> {
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.forget_old_master_key().await,
            Backend::Postgres(postgres) => postgres.forget_old_master_key().await,
        }
    }

    /// All secrets, as a backup keeps them.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn wrapped_secrets(&self) -> Result<WrappedSecrets, StoreError> {
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.wrapped_secrets().await,
            Backend::Postgres(postgres) => postgres.wrapped_secrets().await,
        }
    }
}
