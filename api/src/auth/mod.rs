//! Who asks: credentials become a [`Caller`], and a caller meets its limits.

pub mod access;
pub mod failures;
pub mod issuer;
pub mod rate;
pub mod secret;
pub mod token;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use photolog_domain::{AccountId, KeyId, KeyVerifiers, Scope};
use uuid::Uuid;

use crate::app::App;
use crate::error::ApiError;
use crate::http::request::header;

/// Credentials that were checked a moment ago need not be checked again.
const FRESH: Duration = Duration::from_secs(1);

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The tenant.
    pub account: AccountId,
    /// The key: the actor of every event.
    pub key_id: KeyId,
    /// What it may do.
    pub scopes: BTreeSet<Scope>,
    /// When its token ends; `None` for a key's own secret.
    pub holds_until: Option<Instant>,
    /// The log-in that its token comes from; `None` for a key's own secret.
    pub family: Option<Uuid>,
    /// When the credentials were checked.
    pub checked_at: Instant,
}

impl Caller {
    /// Checks a scope.
    ///
    /// # Errors
    /// `Forbidden`.
    pub fn may(&self, scope: Scope) -> Result<(), ApiError> {
        if self.scopes.contains(&scope) {
            Ok(())
        } else {
            Err(ApiError::forbidden(format!(
                "the key lacks the scope {scope}"
            )))
        }
    }

    /// Checks that the account in a path is the caller's own. Another's is "not found", so
    /// that nobody learns which accounts exist.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn owns(&self, account: &str) -> Result<(), ApiError> {
        match account.parse::<AccountId>() {
            Ok(account) if account == self.account => Ok(()),
            _ => Err(ApiError::not_found("account not found")),
        }
    }
}

/// Reads `Authorization: Basic` (key id and secret) or `Bearer` (an access token).
///
/// # Errors
/// `Unauthenticated`.
pub async fn basic_or_bearer(app: &App, headers: &HeaderMap) -> Result<Caller, ApiError> {
    let authorization = header(headers, "authorization")
        .ok_or_else(|| ApiError::unauthenticated().because("missing"))?;
    let (scheme, credentials) = authorization
        .split_once(' ')
        .ok_or_else(ApiError::unauthenticated)?;
    let credentials = credentials.trim();
    if scheme.eq_ignore_ascii_case("basic") {
        let (key_id, secret) = decode_basic(credentials).ok_or_else(ApiError::unauthenticated)?;
        by_secret(app, &key_id, &secret).await
    } else if scheme.eq_ignore_ascii_case("bearer") {
        by_token(app, credentials).await
    } else {
        Err(ApiError::unauthenticated())
    }
}

/// The two halves of a Basic credential (RFC 7617).
pub fn decode_basic(credentials: &str) -> Option<(String, String)> {
    let decoded = String::from_utf8(STANDARD.decode(credentials).ok()?).ok()?;
    let (user, password) = decoded.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

/// Checks a key's secret.
///
/// # Errors
/// `Unauthenticated` when the key is unknown, revoked, without verifiers, or the secret is wrong.
pub async fn by_secret(app: &App, key_id: &str, given: &str) -> Result<Caller, ApiError> {
    let known = match key_id.parse::<KeyId>() {
        Ok(key_id) => app.store.key(&key_id).await?,
        Err(_) => None,
    };
    let key = known.ok_or_else(|| ApiError::unauthenticated().because("unknown_key"))?;
    let matches = |verifiers: &KeyVerifiers| secret::matches(given, &verifiers.secret_sha256);
    if !key.verifiers.as_ref().is_some_and(matches) {
        return Err(ApiError::unauthenticated().because("secret"));
    }
    Ok(Caller {
        account: key.account,
        key_id: key.key_id,
        scopes: key.scopes,
        holds_until: None,
        family: None,
        checked_at: Instant::now(),
    })
}

/// Checks once more that a caller's key or log-in was not revoked, when its body took a while.
///
/// # Errors
/// `Unauthenticated` when it was.
pub async fn check_again(app: &App, caller: &Caller) -> Result<(), ApiError> {
    if caller.checked_at.elapsed() < FRESH {
        return Ok(());
    }
    let holds = match caller.family {
        Some(family) => app.store.token_family(family).await?.is_some(),
        None => {
            let key = app.store.key(&caller.key_id).await?;
            key.is_some_and(|key| key.verifiers.is_some())
        }
    };
    if holds {
        Ok(())
    } else {
        Err(ApiError::unauthenticated().because("revoked"))
    }
}

/// Checks the secret of a key that logs in, and counts the request against the key's rate: a log-in
/// costs a write, and its route is open to all.
///
/// # Errors
/// `Unauthenticated` as [`by_secret`], `RateLimited` over the rate.
pub async fn to_log_in(app: &App, key_id: &str, given: &str) -> Result<Caller, ApiError> {
    let caller = by_secret(app, key_id, given).await?;
    app.rates.count(&caller.key_id, Instant::now())?;
    Ok(caller)
}

/// Checks an access token, and that it and its key still work.
///
/// # Errors
/// `Unauthenticated` when it is forged, expired or revoked, or its key was revoked.
pub async fn by_token(app: &App, text: &str) -> Result<Caller, ApiError> {
    let checked = app.tokens.check(text).await?;
    checked.map_or_else(
        || Err(ApiError::unauthenticated().because("token")),
        |checked| Ok(checked.caller),
    )
}
