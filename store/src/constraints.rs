//! Constraint tables: what must be true at the moment of a commit, derived from the events in one
//! place for both backends.
//!
//! Claims prevent two enabled images of an account from holding the same bytes; keys admit callers
//! and stop working as soon as they are revoked. A projection would be too late for either, so each
//! event yields at most one [`Change`], which the backend makes in the append's own transaction.

use crate::error::StoreError;
use cqrs_es::Aggregate;
use cqrs_es::persist::SerializedEvent;
use photolog_domain::event::decode;
use photolog_domain::{
    Account, AccountEvent, AccountId, AccountStatus, ContentHash, ForwardCompatible, Image,
    ImageEvent, ImageId, Key, KeyId, KeyVerifiers, Timestamp,
};
use uuid::Uuid;

/// One change of the constraint tables.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// An image holds these bytes, and counts towards its account's limit.
    ClaimContent {
        /// The image.
        image: ImageId,
        /// Its account.
        account: AccountId,
        /// The bytes.
        digest: ContentHash,
    },
    /// The image holds other bytes from now on.
    ChangeContent {
        /// The image.
        image: ImageId,
        /// The new bytes.
        digest: ContentHash,
    },
    /// The image is disabled: its bytes are free, and it no longer counts.
    ReleaseContent {
        /// The image.
        image: ImageId,
    },
    /// A new account.
    OpenAccount {
        /// Its id.
        account: AccountId,
        /// Its display name.
        name: String,
        /// Maximum number of enabled images; `None` = the server's setting.
        image_limit: Option<u32>,
        /// When it was opened.
        at: Timestamp,
    },
    /// A new limit on the account's enabled images.
    SetImageLimit {
        /// Its id.
        account: AccountId,
        /// `None` = the server's setting.
        image_limit: Option<u32>,
    },
    /// The account has a new name.
    RenameAccount {
        /// Its id.
        account: AccountId,
        /// The new name.
        name: String,
    },
    /// The account's keys or links are refused, or accepted again.
    SetStatus {
        /// Its id.
        account: AccountId,
        /// The new status.
        status: AccountStatus,
    },
    /// A key is valid from now on.
    IssueKey {
        /// Its account.
        account: AccountId,
        /// Its public half.
        key_id: KeyId,
        /// The key as its event describes it.
        key: Box<Key>,
        /// The verifiers of its requests, stored wrapped: from the event if it contains them,
        /// otherwise passed beside it.
        verifiers: Option<KeyVerifiers>,
    },
    /// A key is revoked.
    RevokeKey {
        /// Its public half.
        key_id: KeyId,
    },
}

impl Change {
    /// Adds the verifiers to the key that this change issues, if they belong to that key.
    pub(crate) fn with_verifiers(mut self, given: Option<&KeyVerifiers>) -> Self {
        if let (Self::IssueKey { key, verifiers, .. }, Some(given)) = (&mut self, given)
            && given.hashes() == key.verifier_hashes
        {
            *verifiers = Some(given.clone());
        }
        self
    }
}

/// An aggregate whose events this store keeps: `Image` or `Account`.
pub trait StoredAggregate: ForwardCompatible + Aggregate<Services = ()> + Clone + 'static {
    /// The only account that may change it; `None` for an empty stream, and for an account itself.
    fn owner(&self) -> Option<AccountId>;

    /// The change that an event of this stream makes in the constraint tables.
    fn change(stream: Uuid, event: &Self::Event) -> Option<Change>;

    /// The approximate memory size of the state.
    fn size_bytes(&self) -> usize;
}

/// The changes that follow from serialised events of one stream. An event known only to a newer
/// program yields none.
pub(crate) fn changes(events: &[SerializedEvent]) -> Result<Vec<Change>, StoreError> {
    events
        .iter()
        .filter_map(|event| match event.aggregate_type.as_str() {
            Image::TYPE => change_of::<Image>(event).transpose(),
            Account::TYPE => change_of::<Account>(event).transpose(),
            other => Some(Err(StoreError::Corrupt(format!(
                "no such aggregate: {other}"
            )))),
        })
        .collect()
}

fn change_of<A: StoredAggregate>(event: &SerializedEvent) -> Result<Option<Change>, StoreError> {
    let stream = Uuid::parse_str(&event.aggregate_id)
        .map_err(|error| StoreError::Corrupt(format!("{}: {error}", event.aggregate_id)))?;
    let payload = event.payload.clone();
    let fact: Option<A::Event> = decode(&event.event_type, &event.event_version, payload)?;
    Ok(fact.and_then(|fact| A::change(stream, &fact)))
}

impl StoredAggregate for Image {
    fn owner(&self) -> Option<AccountId> {
        self.state().map(|image| image.account)
    }

    fn change(stream: Uuid, event: &ImageEvent) -> Option<Change> {
        let image = ImageId::new(stream);
        match event {
            ImageEvent::Uploaded {
                account, content, ..
            } => Some(Change::ClaimContent {
                image,
                account: *account,
                digest: content.digest,
            }),
            ImageEvent::Replaced { content, .. } => Some(Change::ChangeContent {
                image,
                digest: content.digest,
            }),
            ImageEvent::Disabled { .. } => Some(Change::ReleaseContent { image }),
            ImageEvent::MetadataSet { .. } | ImageEvent::MetadataKeyDeleted { .. } => None,
        }
    }

    fn size_bytes(&self) -> usize {
        let metadata = self.state().into_iter().flat_map(|image| &image.metadata);
        let texts = metadata.map(|(key, value)| {
            size_of_val(key) + size_of_val(value) + key.as_str().len() + value.as_str().len()
        });
        size_of::<Self>() + texts.sum::<usize>()
    }
}

impl StoredAggregate for Account {
    fn owner(&self) -> Option<AccountId> {
        None
    }

    fn change(stream: Uuid, event: &AccountEvent) -> Option<Change> {
        let account = AccountId::new(stream);
        let set = |status| Change::SetStatus { account, status };
        Some(match event {
            AccountEvent::AccountOpened {
                at,
                name,
                image_limit,
            } => Change::OpenAccount {
                account,
                name: name.clone(),
                image_limit: *image_limit,
                at: *at,
            },
            AccountEvent::KeyIssued { key_id, key, .. } => Change::IssueKey {
                account,
                key_id: key_id.clone(),
                key: Box::new(key.clone()),
                verifiers: key.logged_verifiers.clone(),
            },
            AccountEvent::KeyRevoked { key_id, .. } => Change::RevokeKey {
                key_id: key_id.clone(),
            },
            AccountEvent::ImageLimitSet { image_limit, .. } => Change::SetImageLimit {
                account,
                image_limit: *image_limit,
            },
            AccountEvent::AccountRenamed { name, .. } => Change::RenameAccount {
                account,
                name: name.to_string(),
            },
            AccountEvent::AccountSuspended { reason, .. } => {
                set(AccountStatus::Suspended(reason.clone()))
            }
            AccountEvent::AccountClosed { reason, .. } => {
                set(AccountStatus::Closed(reason.clone()))
            }
            AccountEvent::AccountResumed { .. } | AccountEvent::AccountReopened { .. } => {
                set(AccountStatus::Open)
            }
        })
    }

    fn size_bytes(&self) -> usize {
        /// A key with its scopes and names, and the overhead of a map entry.
        const KEY: usize = 1_024;
        let keys = self.state().map_or(0, |account| account.keys.len());
        size_of::<Self>() + keys * KEY
    }
}
