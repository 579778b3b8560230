//! What somebody wants done, in the imperative.
//!
//! Everything a decision needs comes with the command: ids, digests and the time.

use crate::content::{Content, Master};
use crate::ids::{AccountId, KeyId, PublicId};
use crate::key::Key;
use crate::metadata::{AltText, Metadata, MetadataKey};
use crate::name::{Name, Reason};
use crate::timestamp::Timestamp;

/// A wish about one image.
#[derive(Clone, Debug, PartialEq)]
pub enum ImageCommand {
    /// Take a new image in.
    Upload {
        /// The tenant it belongs to.
        account: AccountId,
        /// The name in its public link.
        public_id: PublicId,
        /// The uploaded bytes.
        content: Content,
        /// The picture made from them.
        master: Master,
        /// Alternative text, when given.
        alt_text: Option<AltText>,
    },
    /// Put another picture in the place of the present one.
    Replace {
        /// The uploaded bytes.
        content: Content,
        /// The picture made from them.
        master: Master,
        /// What becomes of the alternative text.
        alt_text: AltTextChange,
    },
    /// Add or overwrite these entries; the others stay.
    SetMetadata {
        /// The entries.
        entries: Metadata,
        /// Most keys the image may have afterwards, where the dialect allows fewer than
        /// [`MAX_KEYS`](crate::metadata::MAX_KEYS).
        max_keys: usize,
    },
    /// Make the metadata exactly this.
    ReplaceMetadata(Metadata),
    /// Set or clear the alternative text; other metadata stays.
    ChangeAltText(AltTextChange),
    /// Remove one key, which must be there.
    DeleteMetadataKey(MetadataKey),
    /// Take the image out of use; its public link goes on working.
    Disable,
}

impl ImageCommand {
    /// Whether the outcome is the same whatever was written in between, so that a
    /// lost race may be run again without asking the client.
    pub fn commutes(&self) -> bool {
        !matches!(self, Self::Upload { .. })
    }
}

/// What becomes of the alternative text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AltTextChange {
    /// Leave it.
    Keep,
    /// Remove it.
    Clear,
    /// Make it this.
    Set(AltText),
}

/// A wish about one account.
#[derive(Clone, Debug, PartialEq)]
pub enum AccountCommand {
    /// Open the account.
    Open {
        /// What people call it.
        name: Name,
        /// Most enabled images; `None` = the server's setting.
        image_limit: Option<u32>,
    },
    /// Give out a key.
    IssueKey {
        /// Its public half.
        key_id: KeyId,
        /// What its event says of it.
        key: Key,
    },
    /// Take a key back.
    RevokeKey {
        /// Its public half.
        key_id: KeyId,
    },
    /// Change the most enabled images; `None` = the server's setting.
    SetImageLimit(Option<u32>),
    /// Call the account something else.
    Rename(Name),
    /// Refuse its keys; its public links go on working.
    Suspend {
        /// Why; its clients are told.
        reason: Option<Reason>,
    },
    /// Take its keys again after it was suspended.
    Resume,
    /// Refuse its keys and its public links.
    Close {
        /// Why; its clients are told.
        reason: Option<Reason>,
    },
    /// Take its keys and its public links again after it was closed.
    Reopen,
}

/// A command with the moment at which it is decided.
#[derive(Clone, Debug, PartialEq)]
pub struct Dated<C> {
    /// The moment; becomes the events' time.
    pub at: Timestamp,
    /// The wish.
    pub command: C,
}
