//! Access keys: what an event may say of a key, and by what the requests of a key are checked.
//!
//! Events are kept for ever and copied into backups, so they hold only hashes of the verifiers. The
//! verifiers themselves live in the store's table of secrets.

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

/// An access key as its event describes it. Nobody can act as the key with this alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// What its verifiers must hash to.
    pub verifier_hashes: VerifierHashes,
    /// The verifiers themselves, which events of version 1 hold. A reader of the log can sign
    /// requests by them, so no signature of such a key counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logged_verifiers: Option<KeyVerifiers>,
    /// What the key may do. A scope that only a newer program knows grants nothing here.
    pub scopes: BTreeSet<Word<Scope>>,
    /// What people call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Name>,
    /// Who has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Name>,
    /// From when on it does not work any more; `None` = it works until it is revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

impl Key {
    /// A new key with these verifiers, which it does not keep. It has no name, and no end.
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
    /// Of [`KeyVerifiers::secret_sha256`].
    pub secret: ContentHash,
    /// Of [`KeyVerifiers::signing_sha1`].
    pub signing: ContentHash,
}

/// By what the requests of a key are checked. The key's secret itself is shown once and never
/// stored.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyVerifiers {
    /// SHA-256 of the secret. No salt: the secret is 256 random bits, so there is no dictionary to fear.
    pub secret_sha256: ContentHash,
    /// SHA-1 of the secret: the HMAC-SHA1 key by which Uploadcare's signed requests are checked.
    /// RFC 2104 hashes any key longer than 64 bytes, and our secrets are.
    #[serde(with = "hex")]
    pub signing_sha1: [u8; 20],
}

impl KeyVerifiers {
    /// What events hold of them.
    pub fn hashes(&self) -> VerifierHashes {
        VerifierHashes {
            secret: sha256(self.secret_sha256.as_bytes()),
            signing: sha256(&self.signing_sha1),
        }
    }
}

/// They are secrets, and text ends up in logs.
impl fmt::Debug for KeyVerifiers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("KeyVerifiers(..)")
    }
}

fn sha256(bytes: &[u8]) -> ContentHash {
    ContentHash::new(Sha256::digest(bytes).into())
}

/// `KeyIssued` of version 1, which holds the verifiers, in the shape of version 2.
pub(crate) fn upgrade_issued(mut event: Value) -> Value {
    // A payload of another shape stays as it is, and is refused when it is parsed.
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
    /// Read who did what.
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
