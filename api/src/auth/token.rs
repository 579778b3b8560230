//! Access and refresh tokens: what they say, signed with HMAC-SHA256 by the installation's secret.
//!
//! A token names its key, so revoking the key ends its tokens at once.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use photolog_domain::{KeyId, Scope, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

const PREFIX: &str = "plt_";

/// What a token is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Use {
    /// Requests.
    Access,
    /// New access tokens.
    Refresh,
}

impl Use {
    /// How long such a token lives, in seconds.
    pub fn lifetime_seconds(self) -> i64 {
        match self {
            Self::Access => 15 * 60,
            Self::Refresh => 24 * 60 * 60,
        }
    }
}

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// What it is good for.
    pub token_use: Use,
    /// The key it was given for.
    pub key_id: KeyId,
    /// At most what the key may do.
    pub scopes: BTreeSet<Scope>,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// Signs and checks tokens.
pub struct TokenSigner {
    secret: [u8; 32],
}

impl TokenSigner {
    /// With the installation's secret.
    pub fn new(secret: [u8; 32]) -> Self {
        Self { secret }
    }

    /// A signed token.
    pub fn issue(
        &self,
        token_use: Use,
        key_id: &KeyId,
        scopes: &BTreeSet<Scope>,
        now: Timestamp,
    ) -> String {
        let expires_at = now.unix_millis() + token_use.lifetime_seconds() * 1_000;
        let token = Token {
            token_use,
            key_id: key_id.clone(),
            scopes: scopes.clone(),
            expires_at: Timestamp::from_unix_millis(expires_at).unwrap_or(now),
        };
        let said = serde_json::to_vec(&token).unwrap_or_default();
        let said = URL_SAFE_NO_PAD.encode(said);
        let signature = URL_SAFE_NO_PAD.encode(self.mac(&said).finalize().into_bytes());
        format!("{PREFIX}{said}.{signature}")
    }

    /// What a token says, when it is ours, for this use, and has not ended.
    pub fn read(&self, text: &str, token_use: Use, now: Timestamp) -> Option<Token> {
        let (said, signature) = text.strip_prefix(PREFIX)?.split_once('.')?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        self.mac(said).verify_slice(&signature).ok()?;
        let token: Token = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(said).ok()?).ok()?;
        (token.token_use == token_use && now < token.expires_at).then_some(token)
    }

    fn mac(&self, said: &str) -> Hmac<Sha256> {
        let mut block = [0; 64];
        block[..32].copy_from_slice(&self.secret);
        let mut mac = Hmac::<Sha256>::new(&block.into());
        mac.update(said.as_bytes());
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_millis(1_800_000_000_000 + seconds * 1_000).unwrap()
    }

    #[test]
    fn a_token_holds_until_it_ends_and_only_for_its_use() {
        let signer = TokenSigner::new([7; 32]);
        let key_id: KeyId = "plk_abcdefghijklmnop".parse().unwrap();
        let scopes = BTreeSet::from([Scope::ImagesRead]);
        let text = signer.issue(Use::Access, &key_id, &scopes, at(0));
        let read = |seconds| signer.read(&text, Use::Access, at(seconds));
        assert_eq!(read(0).unwrap().scopes, scopes);
        assert!(read(15 * 60 - 1).is_some());
        assert!(read(15 * 60).is_none());
        assert!(signer.read(&text, Use::Refresh, at(0)).is_none());
    }

    #[test]
    fn a_forged_token_is_refused() {
        let signer = TokenSigner::new([7; 32]);
        let key_id: KeyId = "plk_abcdefghijklmnop".parse().unwrap();
        let text = signer.issue(Use::Access, &key_id, &BTreeSet::new(), at(0));
        let other = TokenSigner::new([8; 32]);
        assert!(other.read(&text, Use::Access, at(0)).is_none());
        for forged in ["", "plt_", "plt_.", "plt_e30.AAAA", &text[..text.len() - 2]] {
            assert!(
                signer.read(forged, Use::Access, at(0)).is_none(),
                "{forged}"
            );
        }
    }
}
