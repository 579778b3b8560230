//! The multipart form of upload and update: a part `image` and an optional part `metadata`.

use bytes::Bytes;
use futures::{Stream, StreamExt};
use photolog_domain::{AltText, AltTextChange};
use photolog_store::Spool;

use crate::app::App;
use crate::dialect::moov::wire::MetadataRequest;
use crate::error::ApiError;
use crate::http::multipart::Multipart;
use crate::http::{Request, RequestBody};

/// "Requests larger than 16MB will be rejected": we accept a file of 16 MiB plus the form around
/// it.
pub const MAX_IMAGE_BYTES: u64 = 16 * 1024 * 1024;
const MAX_FORM_BYTES: u64 = MAX_IMAGE_BYTES + MAX_METADATA_BYTES + 64 * 1024;
const MAX_METADATA_BYTES: u64 = 64 * 1024;
const MAX_PARTS: usize = 64;

/// The contents of the form.
pub struct ImageForm {
    /// The picture, on disk.
    pub image: Spool,
    /// What the client requested for the alternative text.
    pub alt_text: AltTextChange,
}

impl ImageForm {
    /// Reads the form. The picture is written to disk as it arrives.
    ///
    /// # Errors
    /// 400 when it is not such a form, 413 when it is too large, 422 when a part is invalid.
    pub async fn read(app: &App, request: &mut Request) -> Result<Self, ApiError> {
        let announced = request
            .header("content-length")
            .and_then(|text| text.parse().ok())
            .unwrap_or(0);
        if announced > MAX_FORM_BYTES {
            return Err(too_large());
        }
        let content_type = request
            .header("content-type")
            .unwrap_or_default()
            .to_owned();
        let body = std::mem::replace(&mut request.body, RequestBody::none());
        let mut seen = 0;
        let limited = body.into_stream().map(move |chunk| {
            let chunk = chunk?;
            seen += chunk.len() as u64;
            if seen > MAX_FORM_BYTES {
                return Err(too_large());
            }
            Ok(chunk)
        });
        let form = Multipart::new(Box::pin(limited), &content_type)?;
        Self::parts(app, form).await
    }

    async fn parts(
        app: &App,
        mut form: Multipart<impl Stream<Item = Result<Bytes, ApiError>> + Unpin>,
    ) -> Result<Self, ApiError> {
        let mut image = None;
        let mut alt_text = None;
        let mut parts = 0;
        while let Some(part) = form.next_part().await? {
            parts += 1;
            if parts > MAX_PARTS {
                return Err(ApiError::malformed("the form has too many parts"));
            }
            match part.name.as_deref() {
                Some("image") if image.is_some() => {
                    return Err(ApiError::invalid("image", "must be given once"));
                }
                Some("image") => {
                    let mut spool = app.blobs.spool().await?;
                    while let Some(chunk) = form.data().await? {
                        if spool.len() + chunk.len() as u64 > MAX_IMAGE_BYTES {
                            return Err(too_large());
                        }
                        spool.write(chunk).await?;
                    }
                    image = Some(spool);
                }
                Some("metadata") if alt_text.is_some() => {
                    return Err(ApiError::malformed("metadata must be given once"));
                }
                Some("metadata") => {
                    let mut text = Vec::new();
                    while let Some(chunk) = form.data().await? {
                        if (text.len() + chunk.len()) as u64 > MAX_METADATA_BYTES {
                            return Err(too_large());
                        }
                        text.extend_from_slice(&chunk);
                    }
                    alt_text = Some(read_metadata(&text)?);
                }
                _ => {}
            }
        }
        let image = image.ok_or_else(|| ApiError::invalid("image", "is required"))?;
        if image.is_empty() {
            return Err(ApiError::invalid("image", "is empty"));
        }
        let alt_text = match alt_text {
            None => AltTextChange::Keep,
            Some(None) => AltTextChange::Clear,
            Some(Some(text)) => AltTextChange::Set(text),
        };
        Ok(Self { image, alt_text })
    }
}

fn read_metadata(text: &[u8]) -> Result<Option<AltText>, ApiError> {
    serde_json::from_slice::<MetadataRequest>(text)
        .map_err(|problem| ApiError::malformed(format!("metadata is not valid: {problem}")))?
        .alt_text("metadata.altText")
}

fn too_large() -> ApiError {
    ApiError::too_large("a picture may have at most 16 MiB")
}
