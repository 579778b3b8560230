//! `POST /oauth2/revoke`: ends a log-in, given its access token or its refresh token (RFC 7009).
//!
//! The RFC specifies 200, but the vendor's SDKs accept only 204.

use http::StatusCode;

use super::client::{self, Parameters};
use crate::app::SharedApp;
use crate::error::ApiError;
use crate::http::response::empty;
use crate::http::{Request, Response};

/// Revokes the token and every other token of the same log-in. A token that is unknown or belongs
/// to another client changes nothing and is not an error.
pub async fn revoke(app: SharedApp, mut request: Request) -> Result<Response, ApiError> {
    let parameters = Parameters::of(&mut request).await?;
    let caller = client::authenticate(&app, &request, &parameters).await?;
    let token = parameters
        .get("token")
        .ok_or_else(|| ApiError::invalid("token", "is required"))?;
    let _place = app.places.log_ins.enter(&caller.account)?;
    app.auth.tokens.revoke(&caller.key_id, token).await?;
    Ok(empty(StatusCode::NO_CONTENT))
}
