//! From bytes to pixels: limits are checked by the header before anything is allocated.
//!
//! Animated PNG and WebP give their first frame.

use std::io::Cursor;

use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError};

use crate::jpeg::{self, Colour, JpegError, Scale};
use crate::picture::Picture;
use crate::png;
use crate::{Dimensions, MAX_PIXELS, MAX_RENDITION_SIDE, MAX_SIDE, MediaType, RenditionError};

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
    let header = Header::read(bytes)?;
    let stored = header.stored;
    let decoded = match header.media_type {
        MediaType::Png if !is_interlaced_png(bytes) => {
            let shrink = u64::from(shrink(stored));
            stored.pixels() / (shrink * shrink) * 8
        }
        MediaType::Jpeg => {
            let jpeg = jpeg::Header::parse(bytes)?;
            let scale = scale(&jpeg, header.fitted_into_master());
            jpeg::memory_needed(&jpeg, scale) * 2
        }
        // Samples of up to eight bytes, and their eight-bit form.
        MediaType::Png => stored.pixels() * 12,
        MediaType::WebP => stored.pixels() * 8,
    };
    let master = u64::from(MAX_RENDITION_SIDE * MAX_RENDITION_SIDE) * 8;
    Ok(Inspection {
        media_type: header.media_type,
        dimensions: header.upright(stored),
        working_bytes: decoded + master,
    })
}

/// A header that is within the limits.
pub(crate) struct Header {
    pub(crate) media_type: MediaType,
    /// The size before the picture is turned upright.
    pub(crate) stored: Dimensions,
    pub(crate) orientation: Orientation,
    #[cfg(feature = "ingest")]
    pub(crate) icc_profile: Option<Vec<u8>>,
}

impl Header {
    /// Reads and checks it. A damaged EXIF block is no reason to refuse a good picture.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, RenditionError> {
        let media_type = MediaType::sniff(bytes).ok_or(RenditionError::UnknownFormat)?;
        let header = match media_type {
            MediaType::Jpeg => {
                let header = jpeg::Header::parse(bytes)?;
                let exif = header.exif.clone().and_then(|range| bytes.get(range));
                Self {
                    media_type,
                    stored: Dimensions {
                        width: header.width,
                        height: header.height,
                    },
                    orientation: exif
                        .and_then(Orientation::from_exif_chunk)
                        .unwrap_or(Orientation::NoTransforms),
                    #[cfg(feature = "ingest")]
                    icc_profile: header.icc_profile(bytes),
                }
            }
            MediaType::Png => Self::of_decoder(
                media_type,
                PngDecoder::new(Cursor::new(bytes)).map_err(problem)?,
            ),
            MediaType::WebP => Self::of_decoder(
                media_type,
                WebPDecoder::new(Cursor::new(bytes)).map_err(problem)?,
            ),
        };
        let Dimensions { width, height } = header.stored;
        if width > MAX_SIDE || height > MAX_SIDE {
            return Err(RenditionError::SideTooLong);
        }
        if header.stored.pixels() > MAX_PIXELS {
            return Err(RenditionError::TooManyPixels);
        }
        Ok(header)
    }

    fn of_decoder(media_type: MediaType, mut decoder: impl ImageDecoder) -> Self {
        let (width, height) = decoder.dimensions();
        Self {
            media_type,
            stored: Dimensions { width, height },
            orientation: decoder.orientation().unwrap_or(Orientation::NoTransforms),
            #[cfg(feature = "ingest")]
            icc_profile: decoder.icc_profile().unwrap_or(None),
        }
    }

    /// A stored size turned upright, or an upright one turned back: both swap the sides.
    pub(crate) fn upright(&self, size: Dimensions) -> Dimensions {
        match self.orientation {
            Orientation::Rotate90
            | Orientation::Rotate270
            | Orientation::Rotate90FlipH
            | Orientation::Rotate270FlipH => Dimensions {
                width: size.height,
                height: size.width,
            },
            _ => size,
        }
    }

    /// The stored size of this picture's master.
    fn fitted_into_master(&self) -> Dimensions {
        crate::RequestedSize::master().effective(self.stored)
    }
}

impl Dimensions {
    fn pixels(self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }
}

/// More pixels than this are boxed down while they are read, where the format allows it.
const MOST_PIXELS_AT_ONCE: u64 = 16_000_000;

/// By how much a PNG may be boxed down and still be half as large again as its master: so the
/// box hardly shows after the better filter that follows.
fn shrink(picture: Dimensions) -> u32 {
    let longest = picture.width.max(picture.height);
    if picture.pixels() > MOST_PIXELS_AT_ONCE {
        (longest * 2 / (MAX_RENDITION_SIDE * 3)).max(1)
    } else {
        1
    }
}

/// The interlace method is the last byte of the header chunk (PNG specification, 11.2.1).
fn is_interlaced_png(bytes: &[u8]) -> bool {
    bytes.get(28).is_some_and(|method| *method != 0)
}

/// The smallest scale that leaves half as much again as is wanted: that costs at most 0.02 dB.
fn scale(header: &jpeg::Header, wanted: Dimensions) -> Scale {
    if (header.width, header.height) == (wanted.width, wanted.height) {
        return Scale::FULL;
    }
    Scale::covering(header, wanted.width * 3 / 2, wanted.height * 3 / 2)
}

/// Decodes the pixels as they are stored: not yet upright, not yet sRGB, and not smaller than
/// `wanted`, which is a stored size as well.
pub(crate) fn pixels(
    bytes: &[u8],
    header: &Header,
    wanted: Dimensions,
) -> Result<Picture, RenditionError> {
    match header.media_type {
        MediaType::Png => png::decode(bytes, shrink(header.stored)),
        MediaType::Jpeg => {
            let header = jpeg::Header::parse(bytes)?;
            let planes = jpeg::decode(bytes, scale(&header, wanted))?;
            match planes.colour {
                Colour::Grey | Colour::YCbCr => Ok(Picture::Planar(planes)),
                Colour::Rgb | Colour::Cmyk { .. } | Colour::Ycck { .. } => {
                    Picture::Planar(planes).interleaved()
                }
            }
        }
        MediaType::WebP => {
            let decoder = WebPDecoder::new(Cursor::new(bytes)).map_err(problem)?;
            let image = DynamicImage::from_decoder(decoder).map_err(problem)?;
            Ok(Picture::of_image(image))
        }
    }
}

impl From<JpegError> for RenditionError {
    fn from(error: JpegError) -> Self {
        match error {
            JpegError::NotJpeg => Self::UnknownFormat,
            JpegError::Truncated => Self::Truncated,
            JpegError::Unsupported(what) => Self::Unsupported(what.to_owned()),
            JpegError::NotEncodable(what) => Self::Encode(what.to_owned()),
            other => Self::Damaged(other.to_string()),
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
