//! Access keys and accounts: tables kept in the append's own transaction, so that a
//! revoked key stops working at the moment of its commit, on every node.

use std::collections::BTreeSet;

use photolog_domain::{AccountId, Digest, KeyId, Scope};

use crate::{Store, StoreError};

/// An access key that works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRecord {
    /// Its public half.
    pub key_id: KeyId,
    /// The tenant it belongs to.
    pub account: AccountId,
    /// SHA-256 of the secret.
    pub secret_sha256: Digest,
    /// SHA-1 of the secret, hexadecimal.
    pub signing_sha1: String,
    /// What it may do.
    pub scopes: BTreeSet<Scope>,
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
}

impl Store {
    /// The key, unless it is unknown or revoked.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn key(&self, _key_id: &KeyId) -> Result<Option<KeyRecord>, StoreError> {
        unimplemented!()
    }

    /// Every account, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn accounts(&self) -> Result<Vec<AccountRecord>, StoreError> {
        unimplemented!()
    }

    /// The secret by which this installation signs access tokens: 32 random bytes, made
    /// once (`fresh` is kept when there is none yet) and shared by all nodes.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn token_secret(&self, _fresh: [u8; 32]) -> Result<[u8; 32], StoreError> {
        unimplemented!()
    }
}
