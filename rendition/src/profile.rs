//! The ICC profile of an upload: extracted from its file, inflated within a bound, and applied.

use moxcms::{ColorProfile, DataColorSpace, Layout, TransformOptions};

use crate::decode::{Format, Header};
use crate::picture::Picture;
use crate::{MOST_SIDE_BYTES, RenditionError};

/// The longest name of a profile in a PNG, with its terminator (W3C PNG, section 11.3.2.3).
const LONGEST_NAME: usize = 80;

/// The profile of a picture. One that is larger than any honest profile is skipped.
pub(crate) fn of_picture(bytes: &[u8], header: &Header) -> Option<Vec<u8>> {
    match &header.format {
        Format::Jpeg(header) => {
            let length: usize = header.icc.iter().map(|chunk| chunk.range.len()).sum();
            (length <= MOST_SIDE_BYTES).then(|| header.icc_profile(bytes))?
        }
        Format::WebP(container) => Some(bytes.get(container.profile.clone()?)?.to_vec()),
        Format::Png(chunks) => {
            let chunk = bytes.get(chunks.profile.clone()?)?;
            let name = chunk
                .iter()
                .take(LONGEST_NAME)
                .position(|&byte| byte == 0)?;
            // The name is followed by the compression method, of which there is only one.
            fdeflate::decompress_to_vec_bounded(chunk.get(name + 2..)?, MOST_SIDE_BYTES).ok()
        }
    }
}

/// Applies a profile if it fits the picture. One that does not is ignored, as in browsers.
pub(crate) fn to_srgb(
    picture: Picture,
    icc_profile: Option<&[u8]>,
) -> Result<Picture, RenditionError> {
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
