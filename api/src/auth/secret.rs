//! Secrets of access keys: generated once, shown once, stored as hashes.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use photolog_domain::{ContentHash, InvalidValue, Key, KeyId, KeyVerifiers, PublicId, Scope};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;

/// A new key with its secret, which is never shown again.
pub struct NewKey {
    /// The public half.
    pub key_id: KeyId,
    /// The secret: `pls_` and 256 random bits. 68 characters on purpose: see
    /// [`KeyVerifiers::signing_sha1`].
    pub secret: String,
    /// The verifiers that check its requests.
    pub verifiers: KeyVerifiers,
    /// The key as recorded in its event.
    pub key: Key,
}

/// Generates a key.
///
/// # Errors
/// When the system provides no randomness.
pub fn new_key(scopes: impl IntoIterator<Item = Scope>) -> Result<NewKey, RandomnessError> {
    let secret = format!("pls_{}", hex::encode(random::<32>()?));
    let key_id = format!("plk_{}", URL_SAFE_NO_PAD.encode(random::<12>()?));
    let verifiers = KeyVerifiers {
        secret_sha256: hash(&secret),
        signing_sha1: Sha1::digest(&secret).into(),
    };
    Ok(NewKey {
        key_id: key_id.parse()?,
        key: Key::new(&verifiers, scopes),
        verifiers,
        secret,
    })
}

/// Generates the name of an image in its public link: 126 random bits.
///
/// # Errors
/// When the system provides no randomness.
pub fn new_public_id() -> Result<PublicId, RandomnessError> {
    let mut text = URL_SAFE_NO_PAD.encode(random::<16>()?);
    text.truncate(PublicId::LENGTH);
    Ok(text.parse()?)
}

/// Random bytes from the operating system.
///
/// # Errors
/// When it provides none.
pub fn random<const N: usize>() -> Result<[u8; N], RandomnessError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

/// Whether a secret matches the stored hash, compared in constant time.
pub fn matches(given: &str, kept: &ContentHash) -> bool {
    hash(given).as_bytes().ct_eq(kept.as_bytes()).into()
}

/// The hash of a secret, as it is stored.
pub(crate) fn hash(secret: &str) -> ContentHash {
    ContentHash::new(Sha256::digest(secret).into())
}

/// The system provides no randomness.
#[derive(Debug, thiserror::Error)]
pub enum RandomnessError {
    /// The system's error.
    #[error("the operating system provides no random numbers")]
    System(#[from] getrandom::Error),
    /// Random text that is not a valid identifier.
    #[error(transparent)]
    Identifier(#[from] InvalidValue),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_secret_itself_matches() {
        let new = new_key(Scope::ALL).unwrap();
        let kept = &new.verifiers.secret_sha256;
        assert!(matches(&new.secret, kept));
        assert!(!matches(&new.secret[1..], kept));
        assert!(!matches("", kept));
        assert!(new.secret.len() > 64, "RFC 2104 hashes only longer keys");
    }

    #[test]
    fn identifiers_are_well_formed_and_differ() {
        assert_ne!(new_public_id().unwrap(), new_public_id().unwrap());
    }
}
