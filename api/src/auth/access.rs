//! Access checks during a long response: a live feed, an export.

use std::time::{Duration, Instant};

use http::HeaderMap;
use photolog_domain::{AccountId, KeyId, Scope};

use super::authenticator::Authenticator;
use super::caller::Caller;
use crate::error::ApiError;
use crate::http::Request;
use crate::http::places::{Places, Slot};

/// Credentials that must stay valid as long as the response goes on, and its places.
pub struct LongAccess {
    /// The account whose events the response contains.
    pub account: AccountId,
    headers: HeaderMap,
    /// When the credentials expire, if they do.
    holds_until: Option<Instant>,
    checked_at: Instant,
    #[expect(dead_code, reason = "given back when the answer ends")]
    places: (Slot<AccountId>, Slot<KeyId>),
}

impl LongAccess {
    /// Takes one place of the account and one of the key.
    ///
    /// # Errors
    /// `RateLimited` when either has none left.
    pub fn of(places: &Places, request: &Request) -> Result<Self, ApiError> {
        let caller = request.caller()?;
        Ok(Self {
            account: caller.account,
            headers: request.headers.clone(),
            holds_until: caller.holds_until,
            checked_at: caller.checked_at,
            places: (
                places.account_feeds.enter(&caller.account)?,
                places.key_feeds.enter(&caller.key_id)?,
            ),
        })
    }

    /// Checks that the key or token is still valid and may read histories.
    ///
    /// # Errors
    /// `Unauthenticated`, `NotFound` or `Forbidden` otherwise.
    pub async fn check(&mut self, auth: &Authenticator) -> Result<(), ApiError> {
        let caller: Caller = auth.basic_or_bearer(&self.headers).await?;
        caller.owns(&self.account.to_string())?;
        self.checked_at = Instant::now();
        caller.may(Scope::HistoryRead)
    }

    /// As [`LongAccess::check`], but only when the last check is older than `period`.
    ///
    /// # Errors
    /// As [`LongAccess::check`].
    pub async fn check_each(
        &mut self,
        auth: &Authenticator,
        period: Duration,
    ) -> Result<(), ApiError> {
        if self.has_ended() {
            return Err(ApiError::unauthenticated().because("token"));
        }
        if self.checked_at.elapsed() < period {
            return Ok(());
        }
        self.check(auth).await
    }

    /// Whether the token has expired.
    pub fn has_ended(&self) -> bool {
        self.holds_until.is_some_and(|end| Instant::now() >= end)
    }

    /// Resolves when the token expires.
    pub async fn end(&self) {
        match self.holds_until {
            Some(end) => tokio::time::sleep_until(end.into()).await,
            None => std::future::pending().await,
        }
    }
}
