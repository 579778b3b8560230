//! `POST /oauth2/token`: short-lived access tokens for a key (RFC 6749, sections 4.4 and 6).

use http::StatusCode;
use photolog_store::TokenFamily;
use serde_json::json;

use super::client::{self, Parameters};
use super::scope::{self, Granted};
use crate::app::{App, SharedApp};
use crate::auth::Caller;
use crate::auth::token::FAMILY_MILLIS;
use crate::error::ApiError;
use crate::http::response::json;
use crate::http::{Request, Response};

/// Issues a pair of tokens to a client that authenticates by id and secret; an access token cannot
/// be exchanged for other tokens.
pub async fn issue(app: SharedApp, mut request: Request) -> Result<Response, ApiError> {
    let parameters = Parameters::of(&mut request).await?;
    let grant_type = parameters.get("grant_type").unwrap_or_default();
    let (family, granted) = match grant_type {
        "client_credentials" => {
            let caller = client::authenticate(&app, &request, &parameters).await?;
            let _place = app.places.log_ins.enter(&caller.account)?;
            log_in(&app, &caller, &parameters).await?
        }
        "refresh_token" => {
            let caller = client::authenticate(&app, &request, &parameters).await?;
            let _place = app.places.log_ins.enter(&caller.account)?;
            refresh(&app, &caller, &parameters).await?
        }
        _ => {
            return Err(ApiError::malformed(
                "grant_type must be client_credentials or refresh_token",
            ));
        }
    };
    let access = app.auth.tokens.access(&family, granted.scopes).await?;
    let refresh = app.auth.tokens.refresh_token(&family).await?;
    let body = json!({
        "token_type": "Bearer",
        "access_token": access.text,
        "refresh_token": refresh.text,
        "expires_in": (access.expires_at - access.issued_at) / 1_000,
        "scope": granted.text,
    });
    Ok(json(StatusCode::OK, &body))
}

async fn log_in(
    app: &App,
    caller: &Caller,
    parameters: &Parameters,
) -> Result<(TokenFamily, Granted), ApiError> {
    let granted = match parameters.get("scope") {
        Some(asked) => scope::narrow(asked, caller.account, &caller.scopes)?,
        None => scope::all(&caller.scopes),
    };
    let scope = granted.text.clone();
    let family = app.auth.tokens.begin(caller, scope, FAMILY_MILLIS).await?;
    Ok((family, granted))
}

/// The family keeps the scopes granted at log-in, so a request for fewer scopes narrows only the
/// access token (RFC 6749, section 6).
async fn refresh(
    app: &App,
    caller: &Caller,
    parameters: &Parameters,
) -> Result<(TokenFamily, Granted), ApiError> {
    let text = parameters
        .get("refresh_token")
        .ok_or_else(|| ApiError::invalid("refresh_token", "is required"))?;
    let asked = parameters.get("scope");
    if let Some(asked) = asked {
        // Checked before the token is used up.
        scope::narrow(asked, caller.account, &caller.scopes)?;
    }
    let family = app
        .auth
        .tokens
        .refresh(&caller.key_id, text)
        .await?
        .ok_or_else(|| ApiError::invalid("refresh_token", "is not valid, or no longer"))?;
    let held = scope::narrow(&family.scope, caller.account, &caller.scopes)?;
    let granted = match asked {
        Some(asked) => scope::narrow(asked, caller.account, &held.scopes)?,
        None => held,
    };
    Ok((family, granted))
}
