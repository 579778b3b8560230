//! Access keys and accounts: tables kept in the append's own transaction, so that a
//! revoked key stops working at the moment of its commit, on every node.

use std::collections::{BTreeMap, BTreeSet};

use photolog_domain::{AccountId, Digest, ImageId, KeyId, KeyVerifiers, Scope};

use crate::{Backend, Store, StoreError};

/// An access key that works.
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
}
