//! What an edge asks of the origin: which picture a link shows now, and the master to render it
//! from. Only for who knows the shared secret; without one set, there is nothing here. [`push`]
//! is the other way: edges are told what has changed.

pub mod push;

use std::str::FromStr;

use http::header::{CACHE_CONTROL, ETAG};
use http::{HeaderValue, StatusCode};
use photolog_domain::Digest;
use photolog_rendition as rendition;
use serde::Serialize;

use crate::app::SharedApp;
use crate::auth::secret;
use crate::error::ApiError;
use crate::http::response::{empty, json, set, with_body};
use crate::http::{Request, Response};
use crate::picture::{pointers, to_rendition};

/// A pointer is asked for again every second; a copy in between would only make it older.
const POINTER: &str = "private, no-cache";
/// A master is named by its own digest.
const MASTER: &str = "private, max-age=31536000, immutable";

/// The secret that origin and edge share, kept as its hash. Empty means none: no edge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EdgeSecret(Option<Digest>);

impl EdgeSecret {
    const SHORTEST: usize = 16;

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Lets an edge in. Where no secret is set, nobody learns that its paths exist.
    ///
    /// # Errors
    /// 404 without a secret here, 401 without the right one there.
    pub fn admit(&self, request: &Request) -> Result<(), ApiError> {
        let Some(kept) = &self.0 else {
            return Err(ApiError::not_found("there is nothing at this path"));
        };
        let given = request
            .header("authorization")
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, secret)| secret.trim());
        match given {
            Some(given) if secret::matches(given, kept) => Ok(()),
            _ => Err(ApiError::unauthenticated().because("edge_secret")),
        }
    }

    /// What the origin shows to edges: the secret's hash, so that the secret itself need not be
    /// kept, and what is overheard here opens nothing there.
    fn push_token(&self) -> String {
        self.0.map(|kept| kept.to_string()).unwrap_or_default()
    }
}

impl FromStr for EdgeSecret {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.len() {
            0 => Ok(Self(None)),
            1..Self::SHORTEST => Err(format!("must have at least {} characters", Self::SHORTEST)),
            _ => Ok(Self(Some(secret::hash(text)))),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Pointer {
    digest: Digest,
    media_type: &'static str,
    width: u32,
    height: u32,
    has_alpha: bool,
}

/// `GET /edge/pointers/{image}`: what must be known of a link's picture before any pixel.
///
/// # Errors
/// 401 without the secret, 404 for an unknown link.
pub async fn pointer(app: SharedApp, request: Request) -> Result<Response, ApiError> {
    let (_, image) = pointers::find(&app, &request).await?;
    let master = &image.master;
    let etag = format!("\"{}\"", master.digest);
    let mut response = if request.knows(&etag) {
        empty(StatusCode::NOT_MODIFIED)
    } else {
        json(
            StatusCode::OK,
            &Pointer {
                digest: master.digest,
                media_type: to_rendition(master.media_type).as_str(),
                width: master.width,
                height: master.height,
                has_alpha: image.has_alpha,
            },
        )
    };
    set(&mut response, ETAG, &etag);
    keep(&mut response, POINTER);
    Ok(response)
}

/// `GET /edge/masters/{digest}`: a master's bytes.
///
/// The blob store holds uploads under their digests as well, with all that a camera wrote into
/// them; so the image view must name the digest as a master.
///
/// # Errors
/// 401 without the secret, 404 for a digest that no image's master has.
pub async fn master(app: SharedApp, request: Request) -> Result<Response, ApiError> {
    let digest: Digest = request.id_of("digest")?;
    let missing = || ApiError::not_found("master not found");
    if !app.store.is_master(&digest).await? {
        return Err(missing());
    }
    let bytes = app.blobs.get(&digest).await?.ok_or_else(missing)?;
    let media_type = rendition::MediaType::sniff(&bytes)
        .map_or("application/octet-stream", rendition::MediaType::as_str);
    let mut response = with_body(StatusCode::OK, media_type, bytes);
    set(&mut response, ETAG, &format!("\"{digest}\""));
    keep(&mut response, MASTER);
    Ok(response)
}

fn keep(response: &mut Response, how: &'static str) {
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static(how));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_absent_or_long_enough() {
        assert_eq!("".parse(), Ok(EdgeSecret(None)));
        assert!("short".parse::<EdgeSecret>().is_err());
        let secret: EdgeSecret = "0123456789abcdef".parse().unwrap();
        assert!(
            secret
                .0
                .is_some_and(|kept| secret::matches("0123456789abcdef", &kept))
        );
    }
}
