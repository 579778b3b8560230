//! `POST /oauth2/revoke`: ends a log-in, by its access or its refresh token (RFC 7009).
//!
//! The RFC's answer is 200; the vendor's SDKs take 204 and nothing more.

use http::StatusCode;

use super::client::{self, Parameters};
use crate::app::SharedApp;
use crate::error::ApiError;
use crate::http::response::empty;
use crate::http::{Request, Response};

/// Ends the token and all that came of the same log-in. A token that is unknown, or another
/// client's, changes nothing and is no error.
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
