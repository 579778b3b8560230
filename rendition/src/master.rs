//! From an upload to its master: upright, sRGB, at most 2048 pixels a side, no metadata.

use moxcms::{ColorProfile, DataColorSpace, Layout, TransformOptions};

use crate::decode::{self, Header};
use crate::encode::{Purpose, encode};
use crate::picture::Picture;
use crate::resize;
use crate::{Dimensions, MediaType, RenditionError, RequestedSize};

/// The picture every rendition is made from.
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
/// When the upload is no whole picture, or larger than allowed.
pub fn make_master(bytes: &[u8]) -> Result<Master, RenditionError> {
    let header = Header::read(bytes)?;
    let original_dimensions = header.upright(header.stored);
    let dimensions = RequestedSize::master().effective(original_dimensions);
    let stored = header.upright(dimensions);
    let picture = decode::pixels(bytes, &header, stored)?;
    let picture = resize::fit(picture, stored)?.upright(header.orientation);
    let picture = to_srgb(picture, header.icc_profile.as_deref())?;
    let has_alpha = matches!(picture, Picture::Transparent(_));
    let media_type = master_type(header.media_type, bytes, has_alpha);
    Ok(Master {
        bytes: encode(picture, media_type, Purpose::Master)?,
        media_type,
        dimensions,
        has_alpha,
        original_dimensions,
    })
}

/// A master keeps its source's format, but for opaque WebP: we write WebP without loss only, so
/// a lossy one becomes JPEG and a lossless one PNG.
fn master_type(source: MediaType, bytes: &[u8], has_alpha: bool) -> MediaType {
    match source {
        MediaType::Jpeg | MediaType::Png => source,
        MediaType::WebP if has_alpha => MediaType::WebP,
        MediaType::WebP if is_lossless_webp(bytes) => MediaType::Png,
        MediaType::WebP => MediaType::Jpeg,
    }
}

/// Whether the first image chunk is `VP8L` (RFC 9649, section 2).
fn is_lossless_webp(bytes: &[u8]) -> bool {
    let mut rest = bytes.get(12..).unwrap_or_default();
    while let Some((head, body)) = rest.split_at_checked(8) {
        match &head[..4] {
            b"VP8L" => return true,
            b"VP8 " => return false,
            // The frame's own chunks follow its 16 bytes of geometry.
            b"ANMF" => rest = body.get(16..).unwrap_or_default(),
            _ => {
                let size = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
                rest = body.get(size + size % 2..).unwrap_or_default();
            }
        }
    }
    false
}

/// Applies the embedded profile, when there is one that fits. One that does not is ignored, as
/// browsers do.
fn to_srgb(picture: Picture, icc_profile: Option<&[u8]>) -> Result<Picture, RenditionError> {
    let profile = icc_profile
        .and_then(|profile| ColorProfile::new_from_slice(profile).ok())
        .filter(|profile| profile.color_space == DataColorSpace::Rgb);
    let Some(profile) = profile else {
        return Ok(picture);
    };
    let mut picture = picture.interleaved()?;
    match &mut picture {
        Picture::Opaque(pixels) => convert(&profile, Layout::Rgb, pixels),
        Picture::Transparent(pixels) => convert(&profile, Layout::Rgba, pixels),
        Picture::Planar(_) => {}
    }
    Ok(picture)
}

/// Row by row, so that a large picture needs no second copy of itself.
fn convert(profile: &ColorProfile, layout: Layout, pixels: &mut [u8]) {
    const CHUNK_PIXELS: usize = 4_096;
    let srgb = ColorProfile::new_srgb();
    let options = TransformOptions::default();
    let Ok(transform) = profile.create_transform_8bit(layout, &srgb, layout, options) else {
        return;
    };
    let mut source = Vec::with_capacity(CHUNK_PIXELS * 4);
    for chunk in pixels.chunks_mut(CHUNK_PIXELS * layout.channels()) {
        source.clear();
        source.extend_from_slice(chunk);
        if transform.transform(&source, chunk).is_err() {
            return;
        }
    }
}
