//! Access keys and accounts: tables kept in the append's own transaction, so that a
//! revoked key stops working at the moment of its commit, on every node.

use std::collections::{BTreeMap, BTreeSet};

use photolog_domain::{AccountId, Digest, ImageId, KeyId, Scope};

use crate::{Backend, Store, StoreError, TokenSecret};

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

/// The claims of enabled images on their bytes, and their number for each account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claims {
    /// The image that holds the bytes.
    pub holders: BTreeMap<(AccountId, Digest), ImageId>,
    /// How many an account has; accounts without one are left out.
    pub counts: BTreeMap<AccountId, i64>,
}

impl Store {
    /// The key, unless it is unknown or revoked.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn key(&self, key_id: &KeyId) -> Result<Option<KeyRecord>, StoreError> {
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.key(key_id).await,
            Backend::Postgres(postgres) => postgres.key(key_id).await,
        }
    }

    /// Every key that works, in no order.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn keys(&self) -> Result<Vec<KeyRecord>, StoreError> {
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.keys().await,
            Backend::Postgres(postgres) => postgres.keys().await,
        }
    }

    /// The enabled image of an account that holds these bytes.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn content_holder(
        &self,
        account: AccountId,
        digest: &Digest,
    ) -> Result<Option<ImageId>, StoreError> {
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.content_holder(account, digest).await,
            Backend::Postgres(postgres) => postgres.content_holder(account, digest).await,
        }
    }

    /// Who holds which bytes, and how many images that makes an account, for `verify`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn claims(&self) -> Result<Claims, StoreError> {
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.claims().await,
            Backend::Postgres(postgres) => postgres.claims().await,
        }
    }

    /// Every account, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn accounts(&self) -> Result<Vec<AccountRecord>, StoreError> {
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.accounts().await,
            Backend::Postgres(postgres) => postgres.accounts().await,
        }
    }

    /// The secret by which this installation signs tokens: shared by all nodes, made when there is
    /// none yet (then `fresh` is kept).
    ///
    /// # Errors
    /// When the database fails.
    pub async fn token_secret(&self, fresh: [u8; 32]) -> Result<TokenSecret, StoreError> {
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.token_secret(fresh).await,
            Backend::Postgres(postgres) => postgres.token_secret(fresh).await,
        }
    }
}
