//! From an upload to its master: upright, sRGB, at most 2048 pixels a side, no metadata.

use crate::decode::{self, Format, Header};
use crate::encode::{Purpose, encode};
use crate::picture::Picture;
use crate::webp::Coding;
use crate::{Dimensions, MediaType, RenditionError, profile, resize};

/// The picture from which every rendition is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Master {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Its format.
    pub media_type: MediaType,
    /// Its size.
    pub dimensions: Dimensions,
    /// Whether it has transparency.
    pub has_alpha: bool,
    /// The size of the upload, upright.
    pub original_dimensions: Dimensions,
}

/// Makes the master of an upload.
///
/// # Errors
/// When the upload is no complete picture, or larger than allowed.
pub fn make_master(bytes: &[u8]) -> Result<Master, RenditionError> {
    let header = Header::read(bytes)?;
    let original_dimensions = header.upright(header.stored);
    let stored = header.fitted_into_master();
    let dimensions = header.upright(stored);
    let picture = decode::pixels(bytes, &header, stored)?;
    let picture = resize::fit(picture, stored)?.upright(header.orientation);
    let profile = profile::of_picture(bytes, &header);
    let picture = profile::to_srgb(picture, profile.as_deref())?;
    drop(profile);
    let has_alpha = matches!(picture, Picture::Transparent(_));
    let media_type = master_type(&header.format, has_alpha);
    Ok(Master {
        bytes: encode(picture, media_type, Purpose::Master)?,
        media_type,
        dimensions,
        has_alpha,
        original_dimensions,
    })
}

/// A master keeps its source's format, except for opaque WebP: our WebP encoder is lossless only,
/// so a lossy one becomes JPEG and a lossless one PNG.
fn master_type(source: &Format, has_alpha: bool) -> MediaType {
    match source {
        Format::Jpeg(_) => MediaType::Jpeg,
        Format::Png(_) => MediaType::Png,
        Format::WebP(_) if has_alpha => MediaType::WebP,
        Format::WebP(container) => match container.frame.coding {
            Coding::Lossless => MediaType::Png,
            Coding::Lossy => MediaType::Jpeg,
        },
    }
}
