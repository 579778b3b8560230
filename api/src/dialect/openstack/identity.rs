//! Just enough of Keystone v3 for clients to log in: a key is a user, its secret is the password,
//! and its account is the project.
//!
//! <https://docs.openstack.org/api-ref/identity/v3/>

use http::{HeaderName, StatusCode};
use photolog_domain::{Account, AccountId, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::app::{App, SharedApp};
use crate::auth::Caller;
use crate::auth::issuer::{Checked, Issued};
use crate::auth::token::ACCESS_MILLIS;
use crate::error::ApiError;
use crate::http::response::{json, set};
use crate::http::{Request, Response};

/// Unauthenticated clients send it.
const MAX_BODY_BYTES: usize = 16 * 1024;

#[derive(Deserialize)]
struct TokenRequest {
    auth: Auth,
}

#[derive(Deserialize)]
struct Auth {
    identity: Identity,
    #[serde(default)]
    scope: Option<Value>,
}

#[derive(Deserialize)]
struct Identity {
    methods: Vec<String>,
    password: Option<Password>,
    token: Option<TokenId>,
    application_credential: Option<ApplicationCredential>,
}

#[derive(Deserialize)]
struct Password {
    user: User,
}

#[derive(Deserialize)]
struct User {
    id: Option<String>,
    name: Option<String>,
    password: String,
}

#[derive(Deserialize)]
struct TokenId {
    id: String,
}

#[derive(Deserialize)]
struct ApplicationCredential {
    id: String,
    secret: String,
}

/// Whether a body has the shape of a token request.
#[cfg(feature = "fuzz")]
pub(crate) fn is_request(body: &[u8]) -> bool {
    serde_json::from_slice::<TokenRequest>(body).is_ok()
}

/// `POST /v3/auth/tokens`
pub async fn issue_token(app: SharedApp, mut request: Request) -> Result<Response, ApiError> {
    let body: TokenRequest = request.json_with_secrets(MAX_BODY_BYTES).await?;
    let shown = authenticate(&app, &body.auth.identity).await?;
    let _place = app.places.log_ins.enter(&shown.caller().account)?;
    let caller = shown.caller();
    let name = project_name(&app, caller).await?;
    if let Some(scope) = &body.auth.scope {
        check_scope(scope, caller, &name)?;
    }
    let token = match &shown {
        Shown::Secret(caller) => log_in(&app, caller).await?,
        Shown::Token(checked) => app.auth.tokens.another(checked).await?,
    };
    let methods = &body.auth.identity.methods;
    let document = document(&app, caller, &name, methods, &token);
    let mut response = json(StatusCode::CREATED, &document);
    set(
        &mut response,
        HeaderName::from_static("x-subject-token"),
        &token.text,
    );
    Ok(response)
}

/// The credentials that a client logged in with.
enum Shown {
    Secret(Caller),
    /// Yields another token, but does not extend the log-in.
    Token(Box<Checked>),
}

impl Shown {
    fn caller(&self) -> &Caller {
        match self {
            Self::Secret(caller) => caller,
            Self::Token(checked) => &checked.caller,
        }
    }
}

async fn log_in(app: &App, caller: &Caller) -> Result<Issued, ApiError> {
    // This family has no refresh token, so it lives as long as its only token.
    let family = app
        .auth
        .tokens
        .begin(caller, String::new(), ACCESS_MILLIS)
        .await?;
    app.auth.tokens.access(&family, caller.scopes.clone()).await
}

async fn authenticate(app: &App, identity: &Identity) -> Result<Shown, ApiError> {
    let by_secret = match identity {
        Identity {
            password: Some(Password { user }),
            ..
        } => {
            let key_id = user
                .name
                .as_ref()
                .or(user.id.as_ref())
                .ok_or_else(ApiError::unauthenticated)?;
            app.auth.to_log_in(key_id, &user.password).await
        }
        Identity {
            application_credential: Some(credential),
            ..
        } => app.auth.to_log_in(&credential.id, &credential.secret).await,
        Identity {
            token: Some(token), ..
        } => {
            let checked = app.auth.tokens.check(&token.id).await?;
            return checked
                .map(|checked| Shown::Token(Box::new(checked)))
                .ok_or_else(ApiError::unauthenticated);
        }
        _ => Err(ApiError::malformed(
            "identity must hold password, token or application_credential",
        )),
    };
    by_secret.map(Shown::Secret)
}

async fn project_name(app: &App, caller: &Caller) -> Result<String, ApiError> {
    let loaded = app.store.load::<Account>(caller.account.uuid()).await?;
    Ok(loaded
        .aggregate
        .state()
        .map(|account| account.name.clone())
        .unwrap_or_default())
}

/// If a scope names a project, it must be the caller's own, by id or by name.
fn check_scope(scope: &Value, caller: &Caller, name: &str) -> Result<(), ApiError> {
    let project = &scope["project"];
    let own_id = |text: &str| is_project(text, caller.account);
    let fits = match (project["id"].as_str(), project["name"].as_str()) {
        (Some(id), _) => own_id(id),
        (None, Some(given)) => given == name || own_id(given),
        (None, None) => true,
    };
    if fits {
        Ok(())
    } else {
        Err(ApiError::unauthenticated())
    }
}

/// Whether a text is the account's id, with or without hyphens.
pub fn is_project(text: &str, account: AccountId) -> bool {
    Uuid::try_parse(text).is_ok_and(|id| id == account.uuid())
}

fn document(app: &App, caller: &Caller, name: &str, methods: &[String], token: &Issued) -> Value {
    let domain = json!({ "id": "default", "name": "Default" });
    let endpoint = |id: &str, path: &str| {
        json!({
            "id": id,
            "interface": "public",
            "region": "RegionOne",
            "region_id": "RegionOne",
            "url": format!("{}{path}", app.public_url),
        })
    };
    json!({ "token": {
        "methods": methods,
        "user": { "id": caller.key_id, "name": caller.key_id, "domain": domain },
        "project": { "id": caller.account, "name": name, "domain": domain },
        "roles": [{ "id": "member", "name": "member" }],
        "audit_ids": [Uuid::now_v7().simple().to_string()],
        "issued_at": Timestamp::from_unix_millis(token.issued_at),
        "expires_at": Timestamp::from_unix_millis(token.expires_at),
        "is_domain": false,
        "catalog": [
            { "id": "compute", "type": "compute", "name": "nova",
              "endpoints": [endpoint("compute-public", "/v2.1")] },
            { "id": "identity", "type": "identity", "name": "keystone",
              "endpoints": [endpoint("identity-public", "/v3")] },
        ],
    }})
}
