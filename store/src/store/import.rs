//! Export and import of the log: the same events at the same positions with the same hashes, from
//! either database to either.
//!
//! An import is one transaction on an empty database: all or nothing. The events are not validated
//! again, because they were when they were appended; the constraint tables are built from their
//! outcome.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use photolog_domain::{AccountId, ContentHash, ImageId, KeyId, KeyVerifiers};

use super::{Backend, Store, on_backend};
use crate::backend::ImportTransaction;
use crate::chain::Position;
use crate::constraints::{Change, changes};
use crate::error::{MasterKeyError, StoreError};
use crate::log_entry::ArchivedEvent;
use crate::log_tail::LogTail;
use crate::master_key::MasterKey;
use crate::postgres::PostgresImport;
use crate::secrets::{TOKEN_SECRET, TokenSecret, WrappedSecrets, key_of, open_verifiers};
use crate::sqlite::SqliteImport;

/// An import of a log into an empty database. Dropped before [`Import::commit`], it leaves nothing
/// behind.
#[derive(Debug)]
pub struct Import {
    backend: Backend<SqliteImport, PostgresImport>,
    tail: LogTail,
    /// The content of enabled images. In the log a claim may precede the release that made room for
    /// it, so only the final state counts.
    claims: HashMap<ImageId, (AccountId, ContentHash)>,
    accounts: Vec<Change>,
    master_key: Arc<MasterKey>,
    verifiers: HashMap<KeyId, KeyVerifiers>,
    token_secret: Option<TokenSecret>,
}

impl Store {
    /// At most `limit` log entries after `after`, in order, as they are stored.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn archived_events(
        &self,
        after: Position,
        limit: u32,
    ) -> Result<Vec<ArchivedEvent>, StoreError> {
        let archived = |row| Ok(ArchivedEvent::from(row));
        self.log_rows(None, after, limit, archived).await
    }

    /// Begins to import a log.
    ///
    /// # Errors
    /// [`StoreError::NotEmpty`] when the database already has events.
    pub async fn import(&self) -> Result<Import, StoreError> {
        let backend = match &self.backend {
            Backend::Sqlite(sqlite) => Backend::Sqlite(sqlite.import().await?),
            Backend::Postgres(postgres) => Backend::Postgres(postgres.import().await?),
        };
        Ok(Import {
            backend,
            tail: LogTail::default(),
            claims: HashMap::new(),
            accounts: Vec::new(),
            master_key: self.master_key.clone(),
            verifiers: HashMap::new(),
            token_secret: None,
        })
    }
}

impl Import {
    /// Imports the next entries.
    ///
    /// # Errors
    /// When the chain is broken, an event cannot be read, or the database fails.
    pub async fn add(&mut self, entries: &[ArchivedEvent]) -> Result<(), StoreError> {
        for entry in entries {
            self.tail.advance(entry)?;
            self.note(entry)?;
        }
        on_backend!(&mut self.backend, insert(entries))
    }

    /// Imports the secrets of the installation that the log comes from; `false` when another master
    /// key wrapped them. Damaged secrets are left out.
    ///
    /// # Errors
    /// When the master key cannot be read.
    pub fn take_secrets(&mut self, archived: &WrappedSecrets) -> Result<bool, StoreError> {
        match self.master_key.of_check(&archived.master_key_check) {
            Err(MasterKeyError::Another(_)) => return Ok(false),
            known => known?,
        };
        for secret in &archived.secrets {
            if secret.name == TOKEN_SECRET {
                self.token_secret = secret.token_secret(&self.master_key).ok();
            } else if let Some(key_id) = key_of(&secret.name)
                && let Ok(verifiers) = open_verifiers(&self.master_key, &key_id, &secret.wrapped)
            {
                self.verifiers.insert(key_id, verifiers);
            }
        }
        Ok(true)
    }

    /// The keys that were not revoked and whose verifiers were not imported: they exist but cannot be
    /// used.
    pub fn keys_without_verifiers(&self) -> BTreeSet<KeyId> {
        let mut lost = BTreeSet::new();
        for change in &self.accounts {
            match change {
                Change::IssueKey {
                    key_id,
                    verifiers: None,
                    ..
                } if !self.verifiers.contains_key(key_id) => _ = lost.insert(key_id.clone()),
                Change::RevokeKey { key_id } => _ = lost.remove(key_id),
                _ => {}
            }
        }
        lost
    }

    /// Builds the constraint tables and commits the transaction; durable on return.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn commit(self) -> Result<LogTail, StoreError> {
        let claims =
            self.claims
                .into_iter()
                .map(|(image, (account, digest))| Change::ClaimContent {
                    image,
                    account,
                    digest,
                });
        let verifiers = &self.verifiers;
        let accounts = self.accounts.into_iter().map(|change| match &change {
            Change::IssueKey { key_id, .. } => {
                let known = verifiers.get(key_id);
                change.with_verifiers(known)
            }
            _ => change,
        });
        // Accounts last: their limits apply to new uploads, not to existing images.
        let changes = claims.chain(accounts).collect();
        let (secret, head) = (self.token_secret, self.tail.position);
        on_backend!(self.backend, commit(changes, secret, head))?;
        Ok(self.tail)
    }

    fn note(&mut self, entry: &ArchivedEvent) -> Result<(), StoreError> {
        for change in changes(&[entry.serialized()?])? {
            match change {
                Change::ClaimContent {
                    image,
                    account,
                    digest,
                } => {
                    self.claims.insert(image, (account, digest));
                }
                Change::ChangeContent { image, digest } => {
                    if let Some((_, held)) = self.claims.get_mut(&image) {
                        *held = digest;
                    }
                }
                Change::ReleaseContent { image } => {
                    self.claims.remove(&image);
                }
                of_account => self.accounts.push(of_account),
            }
        }
        Ok(())
    }
}
