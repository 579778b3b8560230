//! From bytes to pixels: limits are checked by the header before anything is allocated.
//!
//! Animated PNG and WebP give their first frame.

use std::io::Cursor;

use image::codecs::jpeg::JpegDecoder;
use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, Limits, RgbImage, RgbaImage};

use crate::{Dimensions, MAX_PIXELS, MAX_SIDE, MediaType, RenditionError};

/// What a picture's header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// Its format.
    pub media_type: MediaType,
    /// Its size, upright.
    pub dimensions: Dimensions,
    /// An upper estimate of the memory that making its master takes, in bytes.
    pub working_bytes: u64,
}

/// Reads a picture's header and checks it against the limits.
///
/// # Errors
/// When it is no picture, or larger than allowed.
pub fn inspect(bytes: &[u8]) -> Result<Inspection, RenditionError> {
    let (header, decoder) = header(bytes)?;
    let decoded = decoder.total_bytes();
    // Decoded pixels, their eight-bit form, and the master on its way out.
    let working_bytes = decoded + header.dimensions.pixels() * 4 + (2_048 * 2_048 * 8);
    Ok(Inspection {
        media_type: header.media_type,
        dimensions: header.dimensions,
        working_bytes,
    })
}

/// A header that is within the limits.
pub(crate) struct Header {
    pub(crate) media_type: MediaType,
    pub(crate) dimensions: Dimensions,
    #[cfg_attr(
        not(feature = "ingest"),
        expect(dead_code, reason = "masters are upright")
    )]
    pub(crate) orientation: Orientation,
}

impl Dimensions {
    fn pixels(self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }
}

/// Reads and checks the header.
pub(crate) fn header(bytes: &[u8]) -> Result<(Header, Box<dyn ImageDecoder + '_>), RenditionError> {
    let media_type = MediaType::sniff(bytes).ok_or(RenditionError::UnknownFormat)?;
    let mut decoder = open(media_type, bytes)?;
    let (width, height) = decoder.dimensions();
    if width > MAX_SIDE || height > MAX_SIDE {
        return Err(RenditionError::SideTooLong);
    }
    let stored = Dimensions { width, height };
    if stored.pixels() > MAX_PIXELS {
        return Err(RenditionError::TooManyPixels);
    }
    // A damaged EXIF block is no reason to refuse a good picture.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let dimensions = if is_sideways(orientation) {
        Dimensions {
            width: height,
            height: width,
        }
    } else {
        stored
    };
    let header = Header {
        media_type,
        dimensions,
        orientation,
    };
    Ok((header, decoder))
}

fn is_sideways(orientation: Orientation) -> bool {
    matches!(
        orientation,
        Orientation::Rotate90
            | Orientation::Rotate270
            | Orientation::Rotate90FlipH
            | Orientation::Rotate270FlipH
    )
}

fn open(media_type: MediaType, bytes: &[u8]) -> Result<Box<dyn ImageDecoder + '_>, RenditionError> {
    let reader = Cursor::new(bytes);
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    Ok(match media_type {
        MediaType::Png => Box::new(PngDecoder::with_limits(reader, limits).map_err(problem)?),
        MediaType::Jpeg => Box::new(JpegDecoder::new(reader).map_err(problem)?),
        MediaType::WebP => Box::new(WebPDecoder::new(reader).map_err(problem)?),
    })
}

/// A decoded picture, as it is stored: not yet upright, not yet sRGB.
pub(crate) struct Decoded {
    pub(crate) image: DynamicImage,
    #[cfg(feature = "ingest")]
    pub(crate) icc_profile: Option<Vec<u8>>,
}

/// Decodes the pixels.
pub(crate) fn pixels(bytes: &[u8]) -> Result<Decoded, RenditionError> {
    let (header, mut decoder) = header(bytes)?;
    if header.media_type == MediaType::Jpeg && !ends_as_jpeg(bytes) {
        return Err(RenditionError::Truncated);
    }
    #[cfg(feature = "ingest")]
    let icc_profile = decoder.icc_profile().unwrap_or(None);
    #[cfg(not(feature = "ingest"))]
    let _ = &mut decoder;
    Ok(Decoded {
        image: DynamicImage::from_decoder(decoder).map_err(problem)?,
        #[cfg(feature = "ingest")]
        icc_profile,
    })
}

/// The decoder fills the missing part of a cut-off JPEG with grey. A whole one has an end marker
/// after its last scan began (ITU-T T.81, B.2.1).
fn ends_as_jpeg(bytes: &[u8]) -> bool {
    let last = |marker: u8| bytes.windows(2).rposition(|pair| pair == [0xff, marker]);
    matches!((last(0xda), last(0xd9)), (Some(scan), Some(end)) if scan < end)
}

/// Eight bits a channel: what the resizer and the encoders take.
pub(crate) enum Picture {
    Opaque(RgbImage),
    Transparent(RgbaImage),
}

impl Decoded {
    /// Drops what eight bits cannot hold, and an alpha channel that hides nothing.
    pub(crate) fn into_eight_bit(self) -> Picture {
        if !self.image.color().has_alpha() {
            return Picture::Opaque(self.image.into_rgb8());
        }
        let pixels = self.image.into_rgba8();
        if pixels.pixels().all(|pixel| pixel.0[3] == u8::MAX) {
            Picture::Opaque(DynamicImage::ImageRgba8(pixels).into_rgb8())
        } else {
            Picture::Transparent(pixels)
        }
    }
}

fn problem(error: ImageError) -> RenditionError {
    match error {
        ImageError::Unsupported(what) => RenditionError::Unsupported(what.to_string()),
        ImageError::IoError(io) if io.kind() == std::io::ErrorKind::UnexpectedEof => {
            RenditionError::Truncated
        }
        ImageError::Limits(_) => RenditionError::TooManyPixels,
        other => RenditionError::Damaged(other.to_string()),
    }
}
