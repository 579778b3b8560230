//! `GET /images/{publicID}`: the picture behind a public link, in a requested size and a format
//! that the client accepts. Eventually consistent: it reads the image view, which a write waits
//! for.

use http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, ETAG,
    VARY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderName, HeaderValue, StatusCode};
use photolog_domain::PublicId;
use photolog_rendition as rendition;
use photolog_rendition::{RenditionSpec, RequestedSize};

use crate::app::SharedApp;
use crate::error::{ApiError, Kind};
use crate::http::memory::Holder;
use crate::http::response::{empty, set, with_body};
use crate::http::{Request, Response};
use crate::picture::master_info;
use crate::picture::renditions::Viewer;

/// Fresh for a minute in browsers, then revalidated by ETag; a replaced picture appears at the next
/// revalidation.
const CURRENT: &str = "public, max-age=60, stale-while-revalidate=300";

/// Serves a rendition.
///
/// # Errors
/// 400 for a bad size, 404 for an unknown link, 406 when no format is acceptable, 503 when the
/// renderer's queue is full.
pub async fn show(app: SharedApp, request: Request) -> Result<Response, ApiError> {
    let size = match request.query.get("size") {
        None => RequestedSize::default(),
        Some(text) => RequestedSize::parse(text)
            .map_err(|_| ApiError::malformed("size must look like 400x400"))?,
    };
    let public_id: PublicId = request.id_of("image")?;
    let image = app.pictures.shown(&app.store, &public_id).await?;
    let info = master_info(&image.master, image.has_alpha)?;
    let media_type = rendition::negotiate(request.header("accept"), &info).ok_or_else(|| {
        ApiError::new(
            Kind::NotAcceptable,
            "the picture can be had as image/jpeg, image/png or image/webp",
        )
    })?;
    let spec = RenditionSpec {
        dimensions: size.effective(info.dimensions),
        media_type,
    };
    let etag = rendition::etag(&image.master.digest.to_string(), &spec);
    let mut response = if request.knows(&etag) {
        empty(StatusCode::NOT_MODIFIED)
    } else {
        let viewer = Viewer {
            holder: Holder::client(request.client),
            reader: request.reader.as_ref(),
        };
        let rendition = app
            .pictures
            .rendition(&image.master, image.has_alpha, spec, viewer);
        let (bytes, room) = rendition.await?;
        let mut response = with_body(StatusCode::OK, media_type.as_str(), bytes);
        if let Some(room) = room {
            response.extensions_mut().insert(room);
        }
        response
    };
    set(&mut response, ETAG, &etag);
    let headers = response.headers_mut();
    let fixed = |text| HeaderValue::from_static(text);
    headers.insert(CACHE_CONTROL, fixed(CURRENT));
    headers.insert(VARY, fixed("Accept"));
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, fixed("*"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, fixed("nosniff"));
    headers.insert(
        CONTENT_SECURITY_POLICY,
        fixed("default-src 'none'; sandbox"),
    );
    headers.insert(
        HeaderName::from_static("cross-origin-resource-policy"),
        fixed("cross-origin"),
    );
    let disposition = format!(
        "inline; filename=\"{public_id}.{}\"",
        media_type.extension()
    );
    set(&mut response, CONTENT_DISPOSITION, &disposition);
    Ok(response)
}
