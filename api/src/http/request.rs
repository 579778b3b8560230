//! A request as passed to handlers: matched, decoded and authenticated.

use crate::auth::Caller;
use crate::error::{ApiError, Kind};
use crate::http::answers::Reader;
use crate::http::compute::compute;
use crate::http::header::header;
use crate::http::path::{Parameters, Query};
use crate::http::{RequestBody, Response};
use http::{HeaderMap, Method};
use http_body::Body;
use photolog_domain::DialectName;
use std::any::Any;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use uuid::Uuid;

/// Larger JSON texts are parsed on the blocking pool.
const MAX_BYTES_PARSED_INLINE: usize = 32 * 1024;

/// The id of one request in responses, logs and events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(String);

impl RequestId {
    const HEADER: &'static str = "x-request-id";
    const MAX_CHARACTERS: usize = 128;

    /// The client's own id if it is well-formed, otherwise a new one.
    pub fn of(headers: &HeaderMap) -> Self {
        let sane = |text: &&str| {
            (1..=Self::MAX_CHARACTERS).contains(&text.len())
                && text
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte))
        };
        let given = header(headers, Self::HEADER).filter(sane);
        Self(given.map_or_else(|| Uuid::now_v7().to_string(), str::to_owned))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// One request.
pub struct Request {
    /// The method as it was sent.
    pub method: Method,
    /// Path and query as they were sent, still percent-encoded.
    pub target: String,
    /// The values of the route's `{names}`.
    pub parameters: Parameters,
    /// The query.
    pub query: Query,
    /// The headers.
    pub headers: HeaderMap,
    /// The client's address.
    pub client: IpAddr,
    /// The reader that the response is counted against; `None` without a connection.
    pub reader: Option<Reader>,
    /// The body.
    pub body: RequestBody,
    /// The request's id.
    pub id: RequestId,
    /// The dialect of its route.
    pub dialect: DialectName,
    /// The caller; `None` only on routes that need no credentials.
    pub caller: Option<Caller>,
    /// Its places, for work that outlives it.
    pub places: Option<Held>,
}

/// A resource that is given back when its last holder drops it.
pub type Held = Arc<dyn Any + Send + Sync>;

impl Request {
    /// Whether a media type is JSON or based on JSON.
    fn is_json(media_type: &str) -> bool {
        let essence = media_type.split(';').next().unwrap_or_default();
        let essence = essence.trim().to_ascii_lowercase();
        essence == "application/json"
            || (essence.starts_with("application/") && essence.ends_with("+json"))
    }

    /// Counts a response while its handler still holds the memory in which it was made.
    ///
    /// # Errors
    /// `Unavailable` when too many responses wait to be read.
    pub async fn count(&self, mut response: Response) -> Result<Response, ApiError> {
        if let Some(reader) = &self.reader {
            let bytes = response.body().size_hint().exact().unwrap_or(0);
            let room = reader.room_in_turn(bytes).await?;
            response.extensions_mut().insert(room);
        }
        Ok(response)
    }

    /// A header's value, if it is present and valid text.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    /// Whether the client already has the representation with this ETag (`If-None-Match`, RFC 9110,
    /// section 13.1.2).
    pub fn knows(&self, etag: &str) -> bool {
        self.header("if-none-match")
            .is_some_and(|known| photolog_rendition::if_none_match(known, etag))
    }

    /// The caller.
    ///
    /// # Errors
    /// On a route that needs no credentials.
    pub fn caller(&self) -> Result<&Caller, ApiError> {
        self.caller.as_ref().ok_or_else(ApiError::unauthenticated)
    }

    /// The value of one of the route's `{names}` as an identifier. One that cannot be parsed does
    /// not identify anything, so it is "not found".
    ///
    /// # Errors
    /// `NotFound`.
    pub fn id_of<T: std::str::FromStr>(&self, name: &'static str) -> Result<T, ApiError> {
        self.parameters
            .get(name)
            .parse()
            .map_err(|_| ApiError::not_found(format!("{name} not found")))
    }

    /// The body parsed as JSON: UTF-8, at most `limit` bytes. A body without a content type is
    /// treated as JSON as well.
    ///
    /// # Errors
    /// When its content type is not JSON, or it is too large, or it is not JSON of the expected
    /// shape.
    pub async fn json<T: serde::de::DeserializeOwned + Send + 'static>(
        &mut self,
        limit: usize,
    ) -> Result<T, ApiError> {
        let parsed = self.parsed(limit).await?;
        parsed.map_err(|problem| ApiError::malformed(format!("the body is not valid: {problem}")))
    }

    /// As [`Request::json`], for a body whose values must not appear in an error.
    ///
    /// # Errors
    /// As [`Request::json`].
    pub async fn json_with_secrets<T: serde::de::DeserializeOwned + Send + 'static>(
        &mut self,
        limit: usize,
    ) -> Result<T, ApiError> {
        self.parsed(limit)
            .await?
            .map_err(|problem| not_shown(&problem))
    }

    async fn parsed<T: serde::de::DeserializeOwned + Send + 'static>(
        &mut self,
        limit: usize,
    ) -> Result<serde_json::Result<T>, ApiError> {
        if !self.header("content-type").is_none_or(Self::is_json) {
            return Err(ApiError::new(
                Kind::UnsupportedMediaType,
                "the body must be application/json",
            ));
        }
        let body = self.body.collect(limit).await?;
        if body.len() > MAX_BYTES_PARSED_INLINE {
            compute(move || serde_json::from_slice(&body)).await
        } else {
            Ok(serde_json::from_slice(&body))
        }
    }
}

/// The error for an invalid body that holds a secret: serde's own message would contain a value of
/// a wrong type.
pub fn not_shown(problem: &serde_json::Error) -> ApiError {
    ApiError::malformed(format!(
        "the body is not valid at line {}, column {}",
        problem.line(),
        problem.column()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sane_request_id_is_kept_and_any_other_replaced() {
        let id_for = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("x-request-id", text.parse().unwrap());
            RequestId::of(&headers).to_string()
        };
        assert_eq!(id_for("order-7:retry.2"), "order-7:retry.2");
        for strange in ["", "a b", "<script>", &"x".repeat(129)] {
            assert_ne!(id_for(strange), strange);
        }
    }
}
