//! `POST /oauth2/token`: short-lived access tokens for a key (RFC 6749, sections 4.4 and 6).

use std::collections::BTreeSet;

use http::StatusCode;
use photolog_domain::Scope;
use serde::Deserialize;
use serde_json::json;

use crate::app::{SharedApp, now};
use crate::auth::token::Use;
use crate::auth::{self, Caller};
use crate::error::ApiError;
use crate::http::request::header;
use crate::http::response::json;
use crate::http::{Request, Response};

const MAX_BODY_BYTES: usize = 16 * 1024;

#[derive(Deserialize)]
struct TokenRequest {
    grant_type: String,
    client_id: Option<String>,
    client_secret: Option<String>,
    scope: Option<String>,
    refresh_token: Option<String>,
}

/// Gives out a token pair. The client stands in the body or in a Basic header.
pub async fn issue(app: SharedApp, mut request: Request) -> Result<Response, ApiError> {
    let body: TokenRequest = request.json(MAX_BODY_BYTES).await?;
    let (caller, scopes) = match body.grant_type.as_str() {
        "client_credentials" => {
            let caller = client(&app, &request, &body).await?;
            let asked = body
                .scope
                .as_deref()
                .ok_or_else(|| ApiError::invalid("scope", "is required"))?;
            let scopes = narrow(&caller, asked)?;
            (caller, scopes)
        }
        "refresh_token" => refresh(&app, &body).await?,
        _ => {
            return Err(ApiError::malformed(
                "grant_type must be client_credentials or refresh_token",
            ));
        }
    };
    let now = now();
    let token = |token_use| app.tokens.issue(token_use, &caller.key_id, &scopes, now);
    let names: Vec<_> = scopes.iter().map(|scope| scope.as_str()).collect();
    let body = json!({
        "token_type": "Bearer",
        "access_token": token(Use::Access),
        "refresh_token": token(Use::Refresh),
        "expires_in": Use::Access.lifetime_seconds(),
        "scope": names.join(" "),
    });
    Ok(json(StatusCode::OK, &body))
}

async fn client(
    app: &SharedApp,
    request: &Request,
    body: &TokenRequest,
) -> Result<Caller, ApiError> {
    match (&body.client_id, &body.client_secret) {
        (Some(id), Some(secret)) => auth::by_secret(app, id, secret).await,
        _ if header(&request.headers, "authorization").is_some() => {
            auth::basic_or_bearer(app, &request.headers).await
        }
        _ => Err(ApiError::unauthenticated()),
    }
}

async fn refresh(
    app: &SharedApp,
    body: &TokenRequest,
) -> Result<(Caller, BTreeSet<Scope>), ApiError> {
    let refused = || ApiError::invalid("refresh_token", "is not valid, or no longer");
    let text = body
        .refresh_token
        .as_deref()
        .ok_or_else(|| ApiError::invalid("refresh_token", "is required"))?;
    let token = app
        .tokens
        .read(text, Use::Refresh, now())
        .ok_or_else(refused)?;
    let key = app.store.key(&token.key_id).await?.ok_or_else(refused)?;
    let caller = Caller {
        account: key.account,
        key_id: key.key_id,
        scopes: key.scopes.intersection(&token.scopes).copied().collect(),
    };
    let scopes = match body.scope.as_deref() {
        Some(asked) => narrow(&caller, asked)?,
        None => caller.scopes.clone(),
    };
    Ok((caller, scopes))
}

/// The scopes asked for, of those the key has. Scopes of services that we are not are passed
/// over, so that a client which always asks for a fixed list gets what there is.
fn narrow(caller: &Caller, asked: &str) -> Result<BTreeSet<Scope>, ApiError> {
    let scopes: BTreeSet<Scope> = asked
        .split_whitespace()
        .filter_map(|name| name.parse().ok())
        .filter(|scope| caller.scopes.contains(scope))
        .collect();
    if scopes.is_empty() {
        let known: Vec<_> = caller.scopes.iter().map(|scope| scope.as_str()).collect();
        return Err(ApiError::invalid(
            "scope",
            format!("must name at least one of: {}", known.join(" ")),
        ));
    }
    Ok(scopes)
}
