//! Uploadcare's wire format.

use http::StatusCode;
use photolog_domain::{ImageId, ImageState, Metadata, MetadataKey, MetadataValue};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::app::App;
use crate::error::ApiError;
use crate::http::Response;
use crate::http::response::json_as;

/// The only media type of this API version, without a charset because a client compares the whole
/// value.
pub const MEDIA_TYPE: &str = "application/vnd.uploadcare-v0.7+json";

/// A response in the API's media type.
pub(super) fn answer(status: StatusCode, body: &impl Serialize) -> Response {
    json_as(status, MEDIA_TYPE, body)
}

/// The maximum number of keys of an image in this dialect.
pub const MAX_KEYS: usize = 50;
const MAX_KEY_CHARACTERS: usize = 64;

/// Whether a key is valid in this dialect: `[-_.:A-Za-z0-9]{1,64}`.
pub fn is_key(key: &str) -> bool {
    key.len() <= MAX_KEY_CHARACTERS && !key.contains(' ') && key.parse::<MetadataKey>().is_ok()
}

/// Parses a key that is to be written.
///
/// # Errors
/// `Invalid` when the key is not valid in this dialect.
pub fn key(text: &str) -> Result<MetadataKey, ApiError> {
    if is_key(text) {
        Ok(text.parse()?)
    } else {
        Err(ApiError::invalid(
            "key",
            "A metadata key must have 1 to 64 characters out of A-Z, a-z, 0-9, '_', '-', '.' and ':'.",
        ))
    }
}

/// Parses a value that is to be written.
///
/// # Errors
/// `Invalid` when it is longer than 512 characters or contains NUL.
pub fn value(text: &str) -> Result<MetadataValue, ApiError> {
    Ok(text.parse()?)
}

/// The metadata that this dialect can represent; other dialects' keys that it cannot are omitted.
pub fn metadata(metadata: &Metadata) -> Map<String, Value> {
    metadata
        .iter()
        .filter(|(key, _)| is_key(key.as_str()))
        .map(|(key, value)| (key.to_string(), json!(value)))
        .collect()
}

/// A file's information.
pub fn file(app: &App, image: ImageId, state: &ImageState) -> Value {
    let content = &state.content;
    let mime = content.media_type.to_string();
    let subtype = mime.trim_start_matches("image/");
    let link = format!("{}/images/{}", app.public_url, state.public_id);
    json!({
        "uuid": image,
        "datetime_removed": state.disabled_at,
        "datetime_stored": state.created_at,
        "datetime_uploaded": state.created_at,
        "is_image": true,
        "is_ready": true,
        "mime_type": mime,
        "original_file_url": link,
        "original_filename": format!("{image}.{subtype}"),
        "size": content.size_bytes,
        "url": format!("{}/files/{image}/", app.public_url),
        "variations": null,
        "content_info": {
            "mime": { "mime": mime, "type": "image", "subtype": subtype },
            "image": {
                "format": subtype.to_ascii_uppercase(),
                "width": content.width,
                "height": content.height,
                "sequence": false,
                "color_mode": if content.has_alpha { "RGBA" } else { "RGB" },
                "orientation": null,
                "geo_location": null,
                "datetime_original": null,
                "dpi": null,
            },
        },
        "metadata": metadata(&state.metadata),
    })
}
