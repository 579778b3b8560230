//! What an edge asks of the origin: which picture a link shows now, and the master to render it
//! from. Only for callers that know the shared secret; without one set, there is nothing here. [`edge_push`](crate::edge_push)
//! is the other way: edges are told what has changed.

use crate::app::SharedApp;
use crate::error::ApiError;
use crate::http::response::{empty, json, set, with_body};
use crate::http::{Request, Response};
use http::header::{CACHE_CONTROL, ETAG};
use http::{HeaderValue, StatusCode};
use photolog_domain::ContentHash;
use photolog_rendition as rendition;
use serde::Serialize;
/// A pointer is asked for again every second; a copy in between would only make it older.
const POINTER: &str = "private, no-cache";

/// A master is named by its own digest.
const MASTER: &str = "private, max-age=31536000, immutable";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Pointer {
    digest: ContentHash,
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
    let public_id = request.id_of("image")?;
    let shown = app.pictures.shown_at_edge(&app.store, &public_id);
    let (image, info) = shown.await?;
    let master = &image.master;
    let etag = format!("\"{}\"", master.digest);
    let mut response = if request.knows(&etag) {
        empty(StatusCode::NOT_MODIFIED)
    } else {
        json(
            StatusCode::OK,
            &Pointer {
                digest: master.digest,
                media_type: info.media_type.as_str(),
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
    let digest: ContentHash = request.id_of("digest")?;
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
