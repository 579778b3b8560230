//! Issues, checks and revokes tokens: signatures here, families in the database.
//!
//! Every node holds the secret in memory. Each query of a family also returns the secret's version,
//! so a rotation takes effect on all nodes with its commit: tokens of an older version are refused,
//! and a node that sees a newer version reloads the secret.

use std::collections::BTreeSet;
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

use photolog_domain::{KeyId, Scope};
use photolog_store::{NewTokenFamily, Refreshed, Store, TokenFamily};
use uuid::Uuid;

use super::caller::{Caller, check_account};
use super::secret::random;
use super::token::{ACCESS_MILLIS, Token, TokenKind, TokenSigner, Unverified};
use crate::error::ApiError;

/// Issues and checks tokens.
pub struct TokenIssuer {
    store: Store,
    signer: RwLock<TokenSigner>,
}

/// An access token that was checked.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The caller that presented it.
    pub caller: Caller,
    family: TokenFamily,
    token: Token,
}

/// A token for a client.
#[derive(Clone, Debug)]
pub struct Issued {
    /// The token as text.
    pub text: String,
    /// When it was issued, in milliseconds since 1970.
    pub issued_at: i64,
    /// When it expires, in milliseconds since 1970.
    pub expires_at: i64,
}

impl TokenIssuer {
    /// Opens the issuer with the installation's secret, which is created at the first start.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn open(store: Store) -> Result<Self, ApiError> {
        let signer = RwLock::new(read_secret(&store).await?);
        Ok(Self { store, signer })
    }

    /// Begins a family for a caller that presented its secret. `scope` is the granted scope, in the
    /// format of its dialect.
    ///
    /// # Errors
    /// `Unauthenticated` when the key was revoked in the meantime.
    pub async fn begin(
        &self,
        caller: &Caller,
        scope: String,
        lifetime_millis: i64,
    ) -> Result<TokenFamily, ApiError> {
        let new = NewTokenFamily {
            family: Uuid::now_v7(),
            key_id: caller.key_id.clone(),
            scope,
            lifetime_millis,
        };
        let begun = self.store.begin_token_family(&new).await?;
        begun.ok_or_else(ApiError::unauthenticated)
    }

    /// Spends a refresh token of this key; returns its family, or `None` when the token is not
    /// valid.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn refresh(
        &self,
        key_id: &KeyId,
        text: &str,
    ) -> Result<Option<TokenFamily>, ApiError> {
        let Some(token) = self.verify(text).await? else {
            return Ok(None);
        };
        let TokenKind::Refresh { number } = token.kind else {
            return Ok(None);
        };
        let refreshed = self
            .store
            .refresh_token_family(token.family, key_id, number);
        match refreshed.await? {
            Refreshed::Granted(family)
                if token.holds_at(family.now) && token.secret_version == family.secret_version =>
            {
                Ok(Some(family))
            }
            Refreshed::Reused => {
                tracing::warn!(key = %key_id, family = %token.family, "a spent refresh token was used again: its tokens have ended");
                Ok(None)
            }
            Refreshed::Granted(_) | Refreshed::Unknown => Ok(None),
        }
    }

    /// Issues an access token of a family.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn access(
        &self,
        family: &TokenFamily,
        scopes: BTreeSet<Scope>,
    ) -> Result<Issued, ApiError> {
        let expires_at = family.expires_at.min(family.now + ACCESS_MILLIS);
        let kind = TokenKind::Access { scopes };
        self.issue(family, expires_at, kind).await
    }

    /// Issues the current refresh token of a family.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn refresh_token(&self, family: &TokenFamily) -> Result<Issued, ApiError> {
        let number = family.refresh_number;
        let kind = TokenKind::Refresh { number };
        self.issue(family, family.expires_at, kind).await
    }

    /// Issues another access token in place of a checked one. It belongs to the same family and
    /// expires at the same time.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn another(&self, checked: &Checked) -> Result<Issued, ApiError> {
        let kind = checked.token.kind.clone();
        self.issue(&checked.family, checked.token.expires_at, kind)
            .await
    }

    /// Checks an access token, its family, its key and its account.
    ///
    /// # Errors
    /// `Forbidden` when the account is not open, and when the database fails.
    pub async fn check(&self, text: &str) -> Result<Option<Checked>, ApiError> {
        let Some(token) = self.verify(text).await? else {
            return Ok(None);
        };
        let TokenKind::Access { scopes } = &token.kind else {
            return Ok(None);
        };
        let family = self.store.token_family(token.family).await?;
        let Some(family) = family.filter(|family| {
            token.holds_at(family.now) && token.secret_version == family.secret_version
        }) else {
            return Ok(None);
        };
        check_account(&family.account_status, family.has_newer_events)?;
        let left = token.expires_at.min(family.expires_at) - family.now;
        let left = Duration::from_millis(u64::try_from(left).unwrap_or(0));
        let caller = Caller {
            account: family.account,
            key_id: family.key_id.clone(),
            scopes: family.key_scopes.intersection(scopes).copied().collect(),
            holds_until: Instant::now().checked_add(left),
            family: Some(family.family),
            checked_at: Instant::now(),
        };
        Ok(Some(Checked {
            caller,
            family,
            token,
        }))
    }

    /// Ends the family of a token of this key, access or refresh, expired or not. A text that is
    /// not a token, or belongs to another key, has no effect.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn revoke(&self, key_id: &KeyId, text: &str) -> Result<(), ApiError> {
        if let Some(token) = self.verify(text).await? {
            self.store.end_token_family(token.family, key_id).await?;
        }
        Ok(())
    }

    async fn issue(
        &self,
        family: &TokenFamily,
        expires_at: i64,
        kind: TokenKind,
    ) -> Result<Issued, ApiError> {
        let signer = self.signer_since(family.secret_version).await?;
        let token = Token {
            family: family.family,
            secret_version: signer.secret_version(),
            issued_at: family.now,
            expires_at,
            kind,
        };
        Ok(Issued {
            text: signer.sign(&token).map_err(ApiError::internal)?,
            issued_at: token.issued_at,
            expires_at,
        })
    }

    async fn verify(&self, text: &str) -> Result<Option<Token>, ApiError> {
        let Some(unverified) = Unverified::read(text) else {
            return Ok(None);
        };
        let mut signer = self.signer();
        if unverified.secret_version() > signer.secret_version() {
            // Any client can forge a version, so the secret is reloaded only for a family that
            // exists.
            let family = self.store.token_family(unverified.family()).await?;
            let Some(family) = family else {
                return Ok(None);
            };
            signer = self.signer_since(family.secret_version).await?;
        }
        Ok(unverified.verify(&signer))
    }

    fn signer(&self) -> TokenSigner {
        *self.signer.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The signer in memory, reloaded when its secret is older than this version.
    async fn signer_since(&self, version: i64) -> Result<TokenSigner, ApiError> {
        let known = self.signer();
        if known.secret_version() >= version {
            return Ok(known);
        }
        let present = read_secret(&self.store).await?;
        *self.signer.write().unwrap_or_else(PoisonError::into_inner) = present;
        Ok(present)
    }
}

async fn read_secret(store: &Store) -> Result<TokenSigner, ApiError> {
    let fresh = random().map_err(ApiError::internal)?;
    Ok(TokenSigner::new(store.token_secret(fresh).await?))
}
