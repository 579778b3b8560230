//! The log as it leaves one installation and enters another: the same events at the same places
//! with the same hashes, whatever the two databases are.
//!
//! An import is one transaction on an empty database: all of it happens or nothing. What the events
//! say is not judged again, for it was when they were appended; the inline tables are made from
//! what they lead to.

use std::collections::HashMap;
use std::sync::Arc;

use cqrs_es::persist::SerializedEvent;
use photolog_domain::{AccountId, Digest, ImageId, KeyId, KeyVerifiers};
use serde::{Deserialize, Serialize};

use crate::chain::{GENESIS, Hash, link};
use crate::column::parse;
use crate::event_log::LogRow;
use crate::inline::{Change, changes};
use crate::master_key::{MasterKey, MasterKeyError};
use crate::postgres::PostgresImport;
use crate::secrets::{KEY_PREFIX, TOKEN_SECRET, TokenSecret, WrappedSecrets, open_verifiers};
use crate::sqlite::SqliteImport;
use crate::stored_event::StoredEvent;
use crate::{Backend, Position, Store, StoreError};

/// An entry of the log with its event, exactly as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchivedEvent {
    /// Its place in the log.
    pub position: Position,
    /// Its link of the chain, in hexadecimal.
    #[serde(with = "hex")]
    pub hash: Hash,
    /// `Image` or `Account`.
    pub aggregate_type: String,
    /// The stream.
    pub aggregate_id: String,
    /// Its place in the stream, from 1.
    pub sequence: i64,
    /// The stored name.
    pub event_type: String,
    /// The stored version.
    pub event_version: String,
    /// The payload: the text that the hash covers, not what it means.
    pub payload: String,
    /// Who, when and why: the text that the hash covers.
    pub metadata: String,
}

/// The end of a log on its way: where the next event goes, and what it is chained to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tail {
    /// The last position; 0 before the first event.
    pub position: Position,
    /// The last hash.
    pub hash: Hash,
}

impl Default for Tail {
    fn default() -> Self {
        Self {
            position: 0,
            hash: GENESIS,
        }
    }
}

impl Tail {
    /// Moves on to `event`, if it is the one that follows.
    ///
    /// # Errors
    /// When its position or its hash does not follow from what came before.
    pub fn advance(&mut self, event: &ArchivedEvent) -> Result<(), StoreError> {
        let position = self.position + 1;
        if event.position != position {
            let found = event.position;
            return Err(StoreError::Corrupt(format!(
                "position {found} where {position} was due"
            )));
        }
        let hash = link(&self.hash, &event.stored());
        if event.hash != hash {
            return Err(StoreError::Corrupt(format!(
                "the hash chain breaks at position {position}"
            )));
        }
        *self = Self { position, hash };
        Ok(())
    }
}

/// A log on its way into an empty database. Dropped before [`Import::commit`], it leaves nothing
/// behind.
#[derive(Debug)]
pub struct Import {
    backend: ImportBackend,
    tail: Tail,
    /// What enabled images hold. In the log a claim may stand before the release that made room
    /// for it, so only the end counts.
    claims: HashMap<ImageId, (AccountId, Digest)>,
    accounts: Vec<Change>,
    master_key: Arc<MasterKey>,
    verifiers: HashMap<KeyId, KeyVerifiers>,
    token_secret: Option<TokenSecret>,
}

/// The database behind an import.
#[derive(Debug)]
enum ImportBackend {
    Sqlite(SqliteImport),
    Postgres(PostgresImport),
}

impl Store {
    /// At most `limit` entries of the log after `after`, in order, as they are stored.
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

    /// Begins to take in a log.
    ///
    /// # Errors
    /// [`StoreError::NotEmpty`] when there are events already.
    pub async fn import(&self) -> Result<Import, StoreError> {
        let backend = match &self.backend {
            Backend::Sqlite(sqlite) => ImportBackend::Sqlite(sqlite.import().await?),
            Backend::Postgres(postgres) => ImportBackend::Postgres(postgres.import().await?),
        };
        Ok(Import {
            backend,
            tail: Tail::default(),
            claims: HashMap::new(),
            accounts: Vec::new(),
            master_key: self.master_key.clone(),
            verifiers: HashMap::new(),
            token_secret: None,
        })
    }
}

impl Import {
    /// Takes in the entries that follow.
    ///
    /// # Errors
    /// When the chain does not hold, an event cannot be read, or the database fails.
    pub async fn add(&mut self, entries: &[ArchivedEvent]) -> Result<(), StoreError> {
        for entry in entries {
            self.tail.advance(entry)?;
            self.note(entry)?;
        }
        match &mut self.backend {
            ImportBackend::Sqlite(sqlite) => sqlite.insert(entries).await,
            ImportBackend::Postgres(postgres) => postgres.insert(entries).await,
        }
    }

    /// Takes in the secrets of the installation that the log comes from; `false` when another master
    /// key wrapped them. Keys without their verifiers are known and do not work.
    ///
    /// # Errors
    /// When a secret is damaged, or the master key cannot be read.
    pub fn take_secrets(&mut self, archived: &WrappedSecrets) -> Result<bool, StoreError> {
        match self.master_key.of_check(&archived.master_key_check) {
            Err(MasterKeyError::Another(_)) => return Ok(false),
            known => known?,
        };
        for secret in &archived.secrets {
            if secret.name == TOKEN_SECRET {
                self.token_secret = Some(secret.token_secret(&self.master_key)?);
            } else if let Some(key_id) = secret.name.strip_prefix(KEY_PREFIX) {
                let key_id = parse(key_id)?;
                let verifiers = open_verifiers(&self.master_key, &key_id, &secret.wrapped)?;
                self.verifiers.insert(key_id, verifiers);
            }
        }
        Ok(true)
    }

    /// Makes the inline tables and ends the transaction; durable on return.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn commit(self) -> Result<Tail, StoreError> {
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
        // Accounts last: their limits hold for uploads, not for what is there.
        let changes = claims.chain(accounts).collect();
        let (secret, head) = (self.token_secret, self.tail.position);
        match self.backend {
            ImportBackend::Sqlite(sqlite) => sqlite.commit(changes, secret, head).await?,
            ImportBackend::Postgres(postgres) => {
                postgres.commit(changes, secret, head).await?;
            }
        }
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

impl ArchivedEvent {
    pub(crate) fn stored(&self) -> StoredEvent {
        StoredEvent {
            aggregate_type: self.aggregate_type.clone(),
            aggregate_id: self.aggregate_id.clone(),
            sequence: self.sequence,
            event_type: self.event_type.clone(),
            event_version: self.event_version.clone(),
            payload: self.payload.clone(),
            metadata: self.metadata.clone(),
        }
    }

    fn serialized(&self) -> Result<SerializedEvent, StoreError> {
        let event = self.stored();
        Ok(SerializedEvent::new(
            self.aggregate_id.clone(),
            usize::try_from(self.sequence)
                .map_err(|_| StoreError::Corrupt("a sequence below 0".to_owned()))?,
            self.aggregate_type.clone(),
            self.event_type.clone(),
            self.event_version.clone(),
            event.json("payload", &event.payload)?,
            event.json("metadata", &event.metadata)?,
        ))
    }
}

impl From<LogRow> for ArchivedEvent {
    fn from(row: LogRow) -> Self {
        let event = row.event;
        Self {
            position: row.position,
            hash: row.hash,
            aggregate_type: event.aggregate_type,
            aggregate_id: event.aggregate_id,
            sequence: event.sequence,
            event_type: event.event_type,
            event_version: event.event_version,
            payload: event.payload,
            metadata: event.metadata,
        }
    }
}
