//! The endpoints that an edge calls on the origin: the current picture of a link, and the master to
//! render it from. They require the shared secret; if none is configured, they return "not found".
//! [`edge_push`](crate::edge_push) is the opposite direction: the origin notifies edges of changes.

use crate::app::SharedApp;
use crate::error::ApiError;
use crate::http::response::{empty, json, set, with_body};
use crate::http::{Request, Response};
use http::header::{CACHE_CONTROL, ETAG};
use http::{HeaderValue, StatusCode};
use photolog_domain::ContentHash;
use photolog_rendition as rendition;
use serde::Serialize;
/// Edges fetch a pointer again every second; an intermediate cache would only make it older.
const POINTER: &str = "private, no-cache";

/// Immutable, because its URL contains its own digest.
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

/// `GET /edge/pointers/{image}`: the metadata of a link's picture that an edge needs before any
/// pixels.
///
/// # Errors
/// 401 without the secret, 404 for an unknown link, 409 when only a newer version of the program can
/// tell whether the picture may be shown.
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
/// The blob store also keeps uploads under their digests, with everything that a camera wrote into
/// them, so the digest must be that of a master in the image view.
///
/// # Errors
/// 401 without the secret, 404 when the digest is not that of an image's master.
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
