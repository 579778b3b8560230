//! Checks credentials and returns the [`Caller`].

use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use photolog_domain::{KeyId, KeyVerifiers};
use photolog_store::Store;

use super::caller::{Caller, check_account};
use super::issuer::TokenIssuer;
use super::key_uses::KeyUses;
use super::rate::RateLimiter;
use super::secret;
use crate::error::ApiError;
use crate::http::header::header;

/// Credentials that were checked more recently than this are not checked again.
const FRESH: Duration = Duration::from_secs(1);

/// Checks credentials against the store.
pub struct Authenticator {
    store: Store,
    /// Issues, checks and revokes tokens.
    pub tokens: TokenIssuer,
    /// Records when keys are used.
    pub key_uses: KeyUses,
    /// Counts the requests of each key.
    pub rates: RateLimiter,
}

impl Authenticator {
    /// An authenticator over this store; a key may send `rate_limit` requests per second.
    ///
    /// # Errors
    /// When the secret that signs tokens cannot be read or created.
    pub async fn open(store: Store, rate_limit: u32) -> Result<Self, ApiError> {
        Ok(Self {
            tokens: TokenIssuer::open(store.clone()).await?,
            key_uses: KeyUses::start(store.clone()),
            rates: RateLimiter::new(rate_limit),
            store,
        })
    }

    /// Reads `Authorization: Basic` (key id and secret) or `Bearer` (an access token).
    ///
    /// # Errors
    /// `Unauthenticated`.
    pub async fn basic_or_bearer(&self, headers: &HeaderMap) -> Result<Caller, ApiError> {
        let authorization = header(headers, "authorization")
            .ok_or_else(|| ApiError::unauthenticated().because("missing"))?;
        let (scheme, credentials) = authorization
            .split_once(' ')
            .ok_or_else(ApiError::unauthenticated)?;
        let credentials = credentials.trim();
        if scheme.eq_ignore_ascii_case("basic") {
            let (key_id, secret) =
                decode_basic(credentials).ok_or_else(ApiError::unauthenticated)?;
            self.by_secret(&key_id, &secret).await
        } else if scheme.eq_ignore_ascii_case("bearer") {
            self.by_token(credentials).await
        } else {
            Err(ApiError::unauthenticated())
        }
    }

    /// Checks a key's secret.
    ///
    /// # Errors
    /// `Unauthenticated` when the key is unknown, revoked, expired, without verifiers, or the
    /// secret is wrong; `Forbidden` when its account is not open.
    pub async fn by_secret(&self, key_id: &str, given: &str) -> Result<Caller, ApiError> {
        let known = match key_id.parse::<KeyId>() {
            Ok(key_id) => self.store.key(&key_id).await?,
            Err(_) => None,
        };
        let key = known.ok_or_else(|| ApiError::unauthenticated().because("unknown_key"))?;
        let matches = |verifiers: &KeyVerifiers| secret::matches(given, &verifiers.secret_sha256);
        if !key.verifiers.as_ref().is_some_and(matches) {
            return Err(ApiError::unauthenticated().because("secret"));
        }
        Caller::of_key(key)
    }

    /// Checks again that a caller's key or log-in is still valid, in case its body took a while.
    ///
    /// # Errors
    /// `Unauthenticated` or `Forbidden` when it is not.
    pub async fn check_again(&self, caller: &Caller) -> Result<(), ApiError> {
        if caller.checked_at.elapsed() < FRESH {
            return Ok(());
        }
        let account = match caller.family {
            Some(family) => {
                let family = self.store.token_family(family).await?;
                family.map(|family| (family.account_status, family.has_newer_events))
            }
            None => {
                let key = self.store.key(&caller.key_id).await?;
                key.filter(|key| key.verifiers.is_some())
                    .map(|key| (key.account_status, key.has_newer_events))
            }
        };
        let revoked = || ApiError::unauthenticated().because("revoked");
        let (status, has_newer_events) = account.ok_or_else(revoked)?;
        check_account(&status, has_newer_events)
    }

    /// Checks the secret of a key that logs in, and counts the request against the key's rate,
    /// because a log-in costs a write and its route is public.
    ///
    /// # Errors
    /// `Unauthenticated` as [`Self::by_secret`], `RateLimited` over the rate.
    pub async fn to_log_in(&self, key_id: &str, given: &str) -> Result<Caller, ApiError> {
        let caller = self.by_secret(key_id, given).await?;
        self.rates.count(&caller.key_id, Instant::now())?;
        self.key_uses.note(&caller);
        Ok(caller)
    }

    /// Checks that an access token and its key are valid.
    ///
    /// # Errors
    /// `Unauthenticated` when it is forged, expired or revoked, or its key was revoked; `Forbidden`
    /// when its account is not open.
    pub async fn by_token(&self, text: &str) -> Result<Caller, ApiError> {
        let checked = self.tokens.check(text).await?;
        checked.map_or_else(
            || Err(ApiError::unauthenticated().because("token")),
            |checked| Ok(checked.caller),
        )
    }
}

/// The two halves of a Basic credential (RFC 7617).
pub fn decode_basic(credentials: &str) -> Option<(String, String)> {
    let decoded = String::from_utf8(STANDARD.decode(credentials).ok()?).ok()?;
    let (user, password) = decoded.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}
