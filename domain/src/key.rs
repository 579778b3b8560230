//! Access keys: what an event contains of a key, and what requests with the key are checked
//! against.
//!
//! Events are kept forever and copied into backups, so they contain only hashes of the verifiers.
//! The verifiers themselves are in the store's table of secrets.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::content::ContentHash;
use crate::invalid_value::InvalidValue;
use crate::name::Name;
use crate::timestamp::Timestamp;
use crate::word::Word;

/// An access key as its event describes it. It is not enough to authenticate as the key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// The hashes that its verifiers must have.
    pub verifier_hashes: VerifierHashes,
    /// The verifiers themselves, which events of version 1 contain. A reader of the log could sign
    /// requests with them, so no signature of such a key is accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logged_verifiers: Option<KeyVerifiers>,
    /// What the key may do. A scope that only a newer version knows grants nothing here.
    pub scopes: BTreeSet<Word<Scope>>,
    /// The key's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Name>,
    /// The key's owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Name>,
    /// When it expires; `None` = it works until it is revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

impl Key {
    /// A new key with these verifiers, of which it keeps only the hashes. It has no name and does
    /// not expire.
    pub fn new(verifiers: &KeyVerifiers, scopes: impl IntoIterator<Item = Scope>) -> Self {
        Self {
            verifier_hashes: verifiers.hashes(),
            logged_verifiers: None,
            scopes: scopes.into_iter().map(Word::Known).collect(),
            name: None,
            owner: None,
            expires_at: None,
        }
    }
}

/// SHA-256 of each verifier of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifierHashes {
    /// The hash of [`KeyVerifiers::secret_sha256`].
    pub secret: ContentHash,
    /// The hash of [`KeyVerifiers::signing_sha1`].
    pub signing: ContentHash,
}

/// What requests with the key are checked against. The key's secret itself is shown once and never
/// stored.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyVerifiers {
    /// SHA-256 of the secret, without a salt: the secret is 256 random bits, so dictionary attacks
    /// are not a risk.
    pub secret_sha256: ContentHash,
    /// SHA-1 of the secret: the HMAC-SHA1 key that verifies Uploadcare's signed requests. RFC 2104
    /// hashes any key longer than 64 bytes, and our secrets are longer.
    #[serde(with = "hex")]
    pub signing_sha1: [u8; 20],
}

impl KeyVerifiers {
    /// The hashes that events contain.
    pub fn hashes(&self) -> VerifierHashes {
        VerifierHashes {
            secret: sha256(self.secret_sha256.as_bytes()),
            signing: sha256(&self.signing_sha1),
        }
    }
}

/// Redacted, because the verifiers are secrets and debug output ends up in logs.
impl fmt::Debug for KeyVerifiers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("KeyVerifiers(..)")
    }
}

fn sha256(bytes: &[u8]) -> ContentHash {
    ContentHash::new(Sha256::digest(bytes).into())
}

/// Converts a `KeyIssued` event of version 1, which contains the verifiers, to version 2.
pub(crate) fn upgrade_issued(mut event: Value) -> Value {
    // A payload of another shape is left unchanged, and is rejected when it is parsed.
    if let Ok(verifiers) = KeyVerifiers::deserialize(&event["key"]) {
        event["key"] = json!({
            "verifier_hashes": verifiers.hashes(),
            "logged_verifiers": verifiers,
            "scopes": event["key"]["scopes"],
        });
    }
    event
}

/// What a key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Scope {
    /// List images and read their metadata.
    #[serde(rename = "images.read")]
    ImagesRead,
    /// Upload, replace, disable, change metadata.
    #[serde(rename = "images.write")]
    ImagesWrite,
    /// Read the history.
    #[serde(rename = "history.read")]
    HistoryRead,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 3] = [Self::ImagesRead, Self::ImagesWrite, Self::HistoryRead];

    /// The scope as tokens and the command line write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ImagesRead => "images.read",
            Self::ImagesWrite => "images.write",
            Self::HistoryRead => "history.read",
        }
    }
}

impl std::fmt::Display for Scope {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl std::str::FromStr for Scope {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        Self::ALL
            .into_iter()
            .find(|scope| scope.as_str() == text)
            .ok_or_else(|| {
                InvalidValue::new("scope", "must be images.read, images.write or history.read")
            })
    }
}
