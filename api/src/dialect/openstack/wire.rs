//! Bodies, keys and values in OpenStack's wire format.

use photolog_domain::{ImageId, ImageState, Metadata, MetadataKey, MetadataValue};
use serde_json::{Value, json};

use crate::app::App;
use crate::dialect::unique::UniqueMembers;
use crate::error::ApiError;
use crate::http::Request;

/// The maximum size of a body in this dialect.
pub const MAX_BODY_BYTES: usize = 1024 * 1024;
const MAX_VALUE_CHARACTERS: usize = 255;

/// Reads a body whose only member is `name`: `metadata` or `meta`.
///
/// # Errors
/// 415 when it is not JSON, 400 when it has another shape or a value breaks a rule.
pub async fn entries(request: &mut Request, name: &str) -> Result<Metadata, ApiError> {
    let outer: UniqueMembers<UniqueMembers<String>> = request.json(MAX_BODY_BYTES).await?;
    match outer.0.as_slice() {
        [(member, entries)] if member == name => entries
            .0
            .iter()
            .map(|(key, value)| Ok((self::key(key)?, self::value(value)?)))
            .collect(),
        _ => Err(ApiError::malformed(format!(
            "the body must have the one member {name:?}"
        ))),
    }
}

/// Parses a key. This dialect has the same alphabet as the domain.
///
/// # Errors
/// 400 when it is not a valid key.
pub fn key(text: &str) -> Result<MetadataKey, ApiError> {
    Ok(text.parse()?)
}

pub(crate) fn value(text: &str) -> Result<MetadataValue, ApiError> {
    if text.chars().count() > MAX_VALUE_CHARACTERS {
        return Err(ApiError::invalid(
            "metadata value",
            "a metadata value may have at most 255 characters",
        ));
    }
    Ok(text.parse()?)
}

/// An image in the list without details.
pub fn summary(app: &App, image: ImageId, state: &ImageState) -> Value {
    json!({ "id": image, "name": name(image, state), "links": links(app, image) })
}

/// An image's details.
pub fn details(app: &App, image: ImageId, state: &ImageState) -> Value {
    let status = match state.disabled_at {
        None => "ACTIVE",
        Some(_) => "DELETED",
    };
    json!({
        "id": image,
        "name": name(image, state),
        "status": status,
        "created": state.created_at,
        "updated": state.updated_at,
        "progress": 100,
        "minDisk": 0,
        "minRam": 0,
        "OS-EXT-IMG-SIZE:size": state.content.size_bytes,
        "metadata": state.metadata,
        "links": links(app, image),
    })
}

/// Images have no name here; the alternative text is the closest match.
fn name(image: ImageId, state: &ImageState) -> String {
    state
        .alt_text()
        .map_or_else(|| image.to_string(), str::to_owned)
}

/// The link to an image's details.
fn links(app: &App, image: ImageId) -> Value {
    json!([{ "rel": "self", "href": format!("{}/v2.1/images/{image}", app.public_url) }])
}
