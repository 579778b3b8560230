//! Request parsing for the OAuth2 endpoints: parameters as a form or as JSON, and the client's id
//! and secret.
//!
//! RFC 6749 specifies forms; the vendor's SDKs send JSON, and its curl examples send JSON under a
//! form's media type. In that case the first byte decides.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::app::App;
use crate::auth::{self, Caller};
use crate::dialect::unique::UniqueMembers;
use crate::error::{ApiError, Kind};
use crate::http::Request;
use crate::http::request::not_shown;

const MAX_BODY_BYTES: usize = 16 * 1024;

/// The parameters that we read; all others are ignored (RFC 6749, section 3.2).
const KNOWN: [&str; 6] = [
    "client_id",
    "client_secret",
    "grant_type",
    "refresh_token",
    "scope",
    "token",
];

/// The parameters of a request. A parameter without a value counts as omitted (RFC 6749, section
/// 3.2).
pub struct Parameters(BTreeMap<String, String>);

impl Parameters {
    /// Reads the body.
    ///
    /// # Errors
    /// When it has another media type, is too large or malformed, or names a parameter twice.
    pub async fn of(request: &mut Request) -> Result<Self, ApiError> {
        let media_type = request.header("content-type").unwrap_or_default();
        let essence = media_type.split(';').next().unwrap_or_default().trim();
        let is_json = essence.eq_ignore_ascii_case("application/json");
        if !is_json
            && !essence.is_empty()
            && !essence.eq_ignore_ascii_case("application/x-www-form-urlencoded")
        {
            return Err(ApiError::new(
                Kind::UnsupportedMediaType,
                "the body must be application/x-www-form-urlencoded or application/json",
            ));
        }
        let body = request.body.collect(MAX_BODY_BYTES).await?;
        if is_json || body.trim_ascii_start().starts_with(b"{") {
            Self::from_json(&body)
        } else {
            Self::from_form(&body)
        }
    }

    pub(crate) fn from_form(body: &[u8]) -> Result<Self, ApiError> {
        let mut parameters = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(body) {
            let name = name.into_owned();
            if parameters.contains_key(&name) {
                return Err(ApiError::malformed(format!(
                    "parameter {name:?} is given twice"
                )));
            }
            parameters.insert(name, value.into_owned());
        }
        Ok(Self(parameters))
    }

    pub(crate) fn from_json(body: &[u8]) -> Result<Self, ApiError> {
        let UniqueMembers(members) = serde_json::from_slice::<UniqueMembers<Value>>(body)
            .map_err(|problem| not_shown(&problem))?;
        let mut parameters = BTreeMap::new();
        for (name, value) in members {
            match value {
                Value::String(value) => {
                    parameters.insert(name, value);
                }
                Value::Null => {}
                _ if !KNOWN.contains(&name.as_str()) => {}
                _ => return Err(ApiError::malformed(format!("{name:?} must be a string"))),
            }
        }
        Ok(Self(parameters))
    }

    /// The value of a parameter, unless it is omitted.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }
}

/// Authenticates the client: id and secret in the body or in a Basic header, or the id in both.
///
/// # Errors
/// `Unauthenticated`, `RateLimited`, or `Malformed` when the body and the header name different
/// clients.
pub async fn authenticate(
    app: &App,
    request: &Request,
    parameters: &Parameters,
) -> Result<Caller, ApiError> {
    let basic = request
        .header("authorization")
        .and_then(|header| header.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"))
        .and_then(|(_, credentials)| auth::decode_basic(credentials.trim()));
    let id = parameters.get("client_id");
    let (id, secret) = match (id, parameters.get("client_secret"), &basic) {
        (Some(id), _, Some((other, _))) if id != other => {
            return Err(ApiError::malformed(
                "client_id and the Basic header name two clients",
            ));
        }
        (Some(id), Some(secret), _) => (id, secret),
        (_, _, Some((id, secret))) => (id.as_str(), secret.as_str()),
        _ => return Err(ApiError::unauthenticated()),
    };
    app.auth.to_log_in(id, secret).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_and_json_say_the_same() {
        let form = Parameters::from_form(b"grant_type=refresh_token&scope=a+b%20c&client_id=");
        let json =
            br#"{"grant_type": "refresh_token", "scope": "a b c", "client_id": null, "other": 1}"#;
        for parameters in [form.unwrap(), Parameters::from_json(json).unwrap()] {
            assert_eq!(parameters.get("grant_type"), Some("refresh_token"));
            assert_eq!(parameters.get("scope"), Some("a b c"));
            assert_eq!(parameters.get("client_id"), None);
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for form in ["scope=a&scope=b", "scope=a&s%63ope=a", "x&x"] {
            assert!(Parameters::from_form(form.as_bytes()).is_err(), "{form}");
        }
        for json in [
            r#"{"scope": "a", "scope": "a"}"#,
            r#"["client_credentials"]"#,
            r#"{"scope": ["a"]}"#,
            r#"{"scope": "\ud800"}"#,
            "{",
        ] {
            assert!(Parameters::from_json(json.as_bytes()).is_err(), "{json}");
        }
    }
}
