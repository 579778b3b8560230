//! Constraint tables: what must be true at the moment of a commit, derived from the events in one
//! place for both backends.
//!
//! Claims keep two enabled images of an account from holding the same bytes, keys let callers in
//! and close it at once when revoked. A projection would be too late for either; so each event
//! yields at most one [`Change`], and the backend makes it in the append's own transaction.

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
    /// The image is out of use: its bytes are free and it counts no more.
    ReleaseContent {
        /// The image.
        image: ImageId,
    },
    /// There is a new account.
    OpenAccount {
        /// Its id.
        account: AccountId,
        /// What people call it.
        name: String,
        /// Most enabled images; `None` = the server's setting.
        image_limit: Option<u32>,
        /// When.
        at: Timestamp,
    },
    /// The account may have so many enabled images.
    SetImageLimit {
        /// Its id.
        account: AccountId,
        /// `None` = the server's setting.
        image_limit: Option<u32>,
    },
    /// The account is called something else.
    RenameAccount {
        /// Its id.
        account: AccountId,
        /// The new name.
        name: String,
    },
    /// The account's keys or links are refused, or taken again.
    SetStatus {
        /// Its id.
        account: AccountId,
        /// What holds from now on.
        status: AccountStatus,
    },
    /// A key works from now on.
    IssueKey {
        /// Its account.
        account: AccountId,
        /// Its public half.
        key_id: KeyId,
        /// What its event says of it.
        key: Box<Key>,
        /// By what its requests are checked, kept wrapped: from the event where it holds them, else
        /// from beside it.
        verifiers: Option<KeyVerifiers>,
    },
    /// A key works no more.
    RevokeKey {
        /// Its public half.
        key_id: KeyId,
    },
}

impl Change {
    /// The same with the verifiers of the key that it issues, if they are that key's.
    pub(crate) fn with_verifiers(mut self, given: Option<&KeyVerifiers>) -> Self {
        if let (Self::IssueKey { key, verifiers, .. }, Some(given)) = (&mut self, given)
            && given.hashes() == key.verifier_hashes
        {
            *verifiers = Some(given.clone());
        }
        self
    }
}

/// An aggregate whose events this store keeps: `Image` and `Account`.
pub trait StoredAggregate: ForwardCompatible + Aggregate<Services = ()> + Clone + 'static {
    /// The account that alone may change it; `None` where nothing is yet, and for an account itself.
    fn owner(&self) -> Option<AccountId>;

    /// What an event of this stream changes in the constraint tables.
    fn change(stream: Uuid, event: &Self::Event) -> Option<Change>;

    /// About how much memory the state takes.
    fn size_bytes(&self) -> usize;
}

/// The changes that follow from serialised events of one stream. From an event that only a newer program
/// knows none does.
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
        /// A key with its scopes and names, and what a map adds.
        const KEY: usize = 1_024;
        let keys = self.state().map_or(0, |account| account.keys.len());
        size_of::<Self>() + keys * KEY
    }
}
