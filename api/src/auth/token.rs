//! The content of access and refresh tokens, and their signature: HMAC-SHA256 with the
//! installation's secret.
//!
//! A signature proves that the server issued a token. Whether the token is still valid depends on
//! its family in the database: see `issuer`.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use photolog_domain::Scope;
use photolog_store::TokenSecret;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use uuid::Uuid;

const PREFIX: &str = "plt_";

const MINUTE: i64 = 60 * 1_000;

/// The lifetime of an access token, in milliseconds.
pub const ACCESS_MILLIS: i64 = 15 * MINUTE;

/// The lifetime of a family of tokens, in milliseconds, however often it is refreshed.
pub const FAMILY_MILLIS: i64 = 24 * 60 * MINUTE;

/// How far the database's clock may jump back, in milliseconds, when another database server takes
/// over.
const CLOCK_STEP_MILLIS: i64 = MINUTE;

/// The content of a token. Times are milliseconds since 1970, by the database's clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// The family it belongs to, which belongs to a key.
    pub family: Uuid,
    /// The version of the secret that signed it.
    pub secret_version: i64,
    /// When it was issued.
    pub issued_at: i64,
    /// When it expires.
    pub expires_at: i64,
    /// What it can be used for.
    #[serde(flatten)]
    pub kind: TokenKind,
}

/// What a token can be used for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum TokenKind {
    /// For requests.
    Access {
        /// A subset of the key's scopes.
        scopes: BTreeSet<Scope>,
    },
    /// For the next pair of tokens.
    Refresh {
        /// Its number among its family's refresh tokens.
        number: i64,
    },
}

impl Token {
    /// Whether it is valid at this time. A token with a longer lifetime than its kind has, or
    /// issued in the future, was not issued by this server, whatever its signature.
    pub fn holds_at(&self, now: i64) -> bool {
        let longest = match self.kind {
            TokenKind::Access { .. } => ACCESS_MILLIS,
            TokenKind::Refresh { .. } => FAMILY_MILLIS,
        };
        self.issued_at <= now.saturating_add(CLOCK_STEP_MILLIS)
            && self.expires_at.saturating_sub(self.issued_at) <= longest
            && now < self.expires_at
    }
}

/// A token as received, with its signature not verified yet.
pub struct Unverified<'a> {
    said: &'a str,
    signature: Vec<u8>,
    token: Token,
}

impl<'a> Unverified<'a> {
    /// Parses a text; `None` when it does not have the format of a token.
    pub fn read(text: &'a str) -> Option<Self> {
        let (said, signature) = text.strip_prefix(PREFIX)?.split_once('.')?;
        Some(Self {
            said,
            signature: URL_SAFE_NO_PAD.decode(signature).ok()?,
            token: serde_json::from_slice(&URL_SAFE_NO_PAD.decode(said).ok()?).ok()?,
        })
    }

    /// The family that it claims to belong to.
    pub fn family(&self) -> Uuid {
        self.token.family
    }

    /// The version of the secret that it claims to be signed with.
    pub fn secret_version(&self) -> i64 {
        self.token.secret_version
    }

    /// The token, if this signer signed it.
    pub fn verify(self, signer: &TokenSigner) -> Option<Token> {
        let mac = signer.mac(self.said);
        let signed = mac.verify_slice(&self.signature).is_ok();
        (signed && self.token.secret_version == signer.0.version).then_some(self.token)
    }
}

/// Signs tokens.
#[derive(Clone, Copy)]
pub struct TokenSigner(TokenSecret);

impl TokenSigner {
    /// A signer with the installation's secret.
    pub fn new(secret: TokenSecret) -> Self {
        Self(secret)
    }

    /// The version of its secret.
    pub fn secret_version(&self) -> i64 {
        self.0.version
    }

    /// The token as text, with its signature.
    pub fn sign(&self, token: &Token) -> serde_json::Result<String> {
        let said = URL_SAFE_NO_PAD.encode(serde_json::to_vec(token)?);
        let signature = URL_SAFE_NO_PAD.encode(self.mac(&said).finalize().into_bytes());
        Ok(format!("{PREFIX}{said}.{signature}"))
    }

    fn mac(&self, said: &str) -> Hmac<Sha256> {
        let mut block = [0; 64];
        block[..32].copy_from_slice(&self.0.secret);
        let mut mac = Hmac::<Sha256>::new(&block.into());
        mac.update(said.as_bytes());
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUED: i64 = 1_800_000_000_000;

    fn signer(version: i64, byte: u8) -> TokenSigner {
        let secret = [byte; 32];
        TokenSigner::new(TokenSecret { version, secret })
    }

    fn access() -> Token {
        Token {
            family: Uuid::now_v7(),
            secret_version: 1,
            issued_at: ISSUED,
            expires_at: ISSUED + ACCESS_MILLIS,
            kind: TokenKind::Access {
                scopes: BTreeSet::from([Scope::ImagesRead]),
            },
        }
    }

    fn verified(text: &str, by: &TokenSigner) -> Option<Token> {
        Unverified::read(text)?.verify(by)
    }

    #[test]
    fn a_signed_token_says_what_it_said() {
        let refresh = Token {
            kind: TokenKind::Refresh { number: 7 },
            ..access()
        };
        for token in [access(), refresh] {
            let text = signer(1, 7).sign(&token).unwrap();
            assert_eq!(verified(&text, &signer(1, 7)), Some(token));
        }
    }

    #[test]
    fn a_forged_token_is_refused() {
        let text = signer(1, 7).sign(&access()).unwrap();
        assert_eq!(verified(&text, &signer(1, 8)), None);
        assert_eq!(verified(&text, &signer(2, 7)), None);
        for forged in ["", "plt_", "plt_.", "plt_e30.AAAA", &text[..text.len() - 2]] {
            assert_eq!(verified(forged, &signer(1, 7)), None, "{forged}");
        }
    }

    #[test]
    fn a_token_holds_until_it_ends() {
        let token = access();
        assert!(token.holds_at(ISSUED) && token.holds_at(ISSUED + ACCESS_MILLIS - 1));
        assert!(!token.holds_at(ISSUED + ACCESS_MILLIS));
    }

    #[test]
    fn a_token_that_says_it_lives_longer_than_tokens_do_is_refused() {
        let in_2099 = 4_070_908_800_000;
        let lives = |kind: &TokenKind, issued_at, expires_at| {
            let token = Token {
                issued_at,
                expires_at,
                kind: kind.clone(),
                ..access()
            };
            token.holds_at(ISSUED)
        };
        let refresh = TokenKind::Refresh { number: 1 };
        for (kind, longest) in [(access().kind, ACCESS_MILLIS), (refresh, FAMILY_MILLIS)] {
            assert!(lives(&kind, ISSUED, ISSUED + longest));
            assert!(!lives(&kind, ISSUED, ISSUED + longest + 1));
            assert!(!lives(&kind, ISSUED, in_2099));
            assert!(!lives(&kind, in_2099 - longest, in_2099));
            assert!(!lives(&kind, i64::MIN, i64::MAX));
        }
    }
}
