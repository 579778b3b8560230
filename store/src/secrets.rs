//! Secrets of the installation: wrapped by the master key in a table of their own. The database
//! alone therefore lets nobody act as a key or sign a token, and events contain no secrets.

use crate::error::{MasterKeyError, StoreError};
use crate::master_key::{Check, MasterKey, MasterKeyFile};
use photolog_domain::{ContentHash, KeyId, KeyVerifiers};
use serde::{Deserialize, Serialize};

/// The name of the secret that signs access tokens.
pub(crate) const TOKEN_SECRET: &str = "token_secret";

/// The prefix of a secret's name that holds the verifiers of a key.
const KEY_PREFIX: &str = "key/";

/// The name of the row in `installation` that identifies the master key in use.
pub(crate) const MASTER_KEY: &str = "master_key";

/// The check value of the master key, as stored in the database.
pub(crate) fn check(stored: &[u8]) -> Result<Check, StoreError> {
    let wrong = |_| StoreError::Corrupt("the check value of the master key".to_owned());
    stored.try_into().map_err(wrong)
}

/// The name of the secret that holds the verifiers of a key.
pub(crate) fn of_key(key_id: &KeyId) -> String {
    format!("{KEY_PREFIX}{key_id}")
}

/// The key whose verifiers a secret of this name holds; the inverse of [`of_key`].
pub(crate) fn key_of(name: &str) -> Option<KeyId> {
    name.strip_prefix(KEY_PREFIX)?.parse().ok()
}

/// The secret with which this installation signs access tokens.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TokenSecret {
    /// Its version, counted from the first secret. A token of another version is void.
    pub version: i64,
    /// The secret itself.
    pub secret: [u8; 32],
}

impl std::fmt::Debug for TokenSecret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "TokenSecret(version {})", self.version)
    }
}

/// The secrets of an installation as a backup stores them: useless without the master key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrappedSecrets {
    /// Identifies the master key that wrapped them.
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
    /// The number of secrets.
    pub fn len(&self) -> usize {
        self.secrets.len()
    }

    /// Whether the verifiers of a key are among them.
    pub fn has_key(&self, key_id: &KeyId) -> bool {
        let name = of_key(key_id);
        self.secrets.iter().any(|secret| secret.name == name)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.secrets.is_empty()
    }

    /// The names of the secrets that the master key in this file does not open; `None` when another
    /// master key wrapped them all, or the file is missing.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn unopened_by(&self, file: &MasterKeyFile) -> Result<Option<Vec<String>>, MasterKeyError> {
        let master_key = MasterKey::new(file.clone());
        match master_key.of_check(&self.master_key_check) {
            Err(MasterKeyError::Another(_) | MasterKeyError::Missing(_)) => Ok(None),
            Err(error) => Err(error),
            Ok(_) => Ok(Some(self.unopened(&master_key))),
        }
    }

    pub(crate) fn unopened(&self, master_key: &MasterKey) -> Vec<String> {
        let secrets = self.secrets.iter();
        secrets
            .filter(|secret| !secret.opens(master_key))
            .map(|secret| secret.name.clone())
            .collect()
    }
}

impl WrappedSecret {
    /// Whether it opens and its content fits its name.
    fn opens(&self, master_key: &MasterKey) -> bool {
        match key_of(&self.name) {
            Some(key_id) => open_verifiers(master_key, &key_id, &self.wrapped).is_ok(),
            None => self.token_secret(master_key).is_ok(),
        }
    }

    pub(crate) fn token_secret(&self, master_key: &MasterKey) -> Result<TokenSecret, StoreError> {
        let secret = master_key.unwrap(&self.name, &self.wrapped)?;
        let secret = secret.try_into().map_err(|_| damaged(&self.name))?;
        Ok(TokenSecret {
            version: self.version,
            secret,
        })
    }
}

/// Serialises the verifiers of a key as one secret.
pub(crate) fn verifiers_to_bytes(verifiers: &KeyVerifiers) -> Vec<u8> {
    [
        verifiers.secret_sha256.as_bytes().as_slice(),
        &verifiers.signing_sha1,
    ]
    .concat()
}

/// The verifiers of a key, from its secret.
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
        secret_sha256: ContentHash::new(secret),
        signing_sha1,
    })
}

fn damaged(name: &str) -> StoreError {
    StoreError::Corrupt(format!("the secret {name} has another length"))
}
