//! Media types and masters, converted between the domain and the renderer.

use photolog_domain::{ImageError, Master, MediaType};
use photolog_rendition as rendition;

use crate::error::ApiError;

/// Converts a media type for the renderer, which does not depend on the domain.
fn to_rendition(media_type: MediaType) -> rendition::MediaType {
    match media_type {
        MediaType::Png => rendition::MediaType::Png,
        MediaType::Jpeg => rendition::MediaType::Jpeg,
        MediaType::WebP => rendition::MediaType::WebP,
    }
}

/// Converts the renderer's media type for the domain.
pub fn to_domain(media_type: rendition::MediaType) -> MediaType {
    match media_type {
        rendition::MediaType::Png => MediaType::Png,
        rendition::MediaType::Jpeg => MediaType::Jpeg,
        rendition::MediaType::WebP => MediaType::WebP,
    }
}

/// The renderer's description of a master.
///
/// # Errors
/// `Unavailable` when only a newer version of the program supports the master's media type.
pub fn master_info(master: &Master, has_alpha: bool) -> Result<rendition::MasterInfo, ApiError> {
    let media_type = master.media_type.known();
    let media_type = media_type.ok_or(ImageError::WrittenByNewerVersion)?;
    Ok(rendition::MasterInfo {
        media_type: to_rendition(*media_type),
        dimensions: rendition::Dimensions {
            width: master.width,
            height: master.height,
        },
        has_alpha,
    })
}
