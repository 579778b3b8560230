//! What a caller wants done, in the imperative.
//!
//! A command contains everything that its decision needs: ids, digests and the time.

use crate::content::{Content, Master};
use crate::ids::{AccountId, KeyId, PublicId};
use crate::key::Key;
use crate::metadata::{AltText, Metadata, MetadataKey};
use crate::name::{Name, Reason};
use crate::timestamp::Timestamp;

/// A command on one image.
#[derive(Clone, Debug, PartialEq)]
pub enum ImageCommand {
    /// Create an image.
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
    /// Replace the present picture with another.
    Replace {
        /// The uploaded bytes.
        content: Content,
        /// The picture made from them.
        master: Master,
        /// The change of the alternative text.
        alt_text: AltTextChange,
    },
    /// Add or overwrite these entries; the others stay.
    SetMetadata {
        /// The entries.
        entries: Metadata,
        /// The maximum number of keys that the image may have afterwards, where the dialect allows
        /// fewer than [`MAX_KEYS`](crate::metadata::MAX_KEYS).
        max_keys: usize,
    },
    /// Replace all metadata with exactly this.
    ReplaceMetadata(Metadata),
    /// Set or clear the alternative text; other metadata stays.
    ChangeAltText(AltTextChange),
    /// Remove one key, which must exist.
    DeleteMetadataKey(MetadataKey),
    /// Disable the image; its public link keeps working.
    Disable,
}

/// The change of the alternative text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AltTextChange {
    /// Leave it unchanged.
    Keep,
    /// Remove it.
    Clear,
    /// Set it to this.
    Set(AltText),
}

/// A command on one account.
#[derive(Clone, Debug, PartialEq)]
pub enum AccountCommand {
    /// Open the account.
    Open {
        /// Its name.
        name: Name,
        /// The maximum number of enabled images; `None` = the server's setting.
        image_limit: Option<u32>,
    },
    /// Issue a key.
    IssueKey {
        /// Its public half.
        key_id: KeyId,
        /// The key as its event describes it.
        key: Key,
    },
    /// Revoke a key.
    RevokeKey {
        /// Its public half.
        key_id: KeyId,
    },
    /// Change the maximum number of enabled images; `None` = the server's setting.
    SetImageLimit(Option<u32>),
    /// Rename the account.
    Rename(Name),
    /// Refuse its keys; its public links keep working.
    Suspend {
        /// The reason, which its clients see.
        reason: Option<Reason>,
    },
    /// Accept its keys again after it was suspended.
    Resume,
    /// Refuse its keys and its public links.
    Close {
        /// The reason, which its clients see.
        reason: Option<Reason>,
    },
    /// Accept its keys and its public links again after it was closed.
    Reopen,
}

/// A command with the time at which it is decided.
#[derive(Clone, Debug, PartialEq)]
pub struct Dated<C> {
    /// The time of the decision, and of the events.
    pub at: Timestamp,
    /// The command.
    pub command: C,
}
