//! From bytes to pixels: the header is checked against the limits before anything is allocated, and
//! nothing is inflated to read it.
//!
//! Animated PNG and WebP are decoded to their first frame.

use image::metadata::Orientation;

use crate::cost;
use crate::jpeg::{self, Colour, JpegError, Scale};
use crate::picture::Picture;
use crate::png::{self, Chunks};
use crate::webp::{self, Container};
use crate::{Dimensions, MAX_PIXELS, MAX_SIDE, MediaType, RenditionError};

/// The properties of a picture in its header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// Its format.
    pub media_type: MediaType,
    /// Its size, upright.
    pub dimensions: Dimensions,
    /// An upper bound of the memory that making its master takes, in bytes.
    pub working_bytes: u64,
}

/// Reads a picture's header and checks it against the limits. Costs milliseconds at most, and
/// hardly any memory, whatever the bytes.
///
/// # Errors
/// When it is no picture, or larger than allowed.
pub fn inspect(bytes: &[u8]) -> Result<Inspection, RenditionError> {
    let header = Header::read(bytes)?;
    Ok(Inspection {
        media_type: header.media_type(),
        dimensions: header.upright(header.stored),
        working_bytes: cost::working_bytes(&header),
    })
}

/// A header that is within the limits.
pub(crate) struct Header {
    pub(crate) format: Format,
    /// The size before the picture is turned upright.
    pub(crate) stored: Dimensions,
    pub(crate) orientation: Orientation,
}

/// The parts of the header that depend on the format.
pub(crate) enum Format {
    Png(Chunks),
    Jpeg(jpeg::Header),
    WebP(Container),
}

impl Header {
    /// Reads a header and checks it. A damaged EXIF block is not a reason to refuse a good picture.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, RenditionError> {
        let (format, stored, exif) =
            match MediaType::sniff(bytes).ok_or(RenditionError::UnknownFormat)? {
                MediaType::Png => {
                    let chunks = Chunks::read(bytes)?;
                    let (stored, exif) = (chunks.size, chunks.exif.clone());
                    (Format::Png(chunks), stored, exif)
                }
                MediaType::Jpeg => {
                    let header = jpeg::Header::parse(bytes)?;
                    let stored = Dimensions {
                        width: header.width,
                        height: header.height,
                    };
                    let exif = header.exif.clone();
                    (Format::Jpeg(header), stored, exif)
                }
                MediaType::WebP => {
                    let container = Container::read(bytes)?;
                    let (stored, exif) = (container.size, container.exif.clone());
                    (Format::WebP(container), stored, exif)
                }
            };
        if stored.width > MAX_SIDE || stored.height > MAX_SIDE {
            return Err(RenditionError::SideTooLong);
        }
        if stored.pixels() > MAX_PIXELS {
            return Err(RenditionError::TooManyPixels);
        }
        let orientation = exif
            .and_then(|range| bytes.get(range))
            .and_then(Orientation::from_exif_chunk)
            .unwrap_or(Orientation::NoTransforms);
        let header = Self {
            format,
            stored,
            orientation,
        };
        header.check_plausible(bytes.len())?;
        cost::check(&header)?;
        Ok(header)
    }

    /// Refuses files that are far too short for their pixels, in formats in which every pixel takes
    /// some bits.
    fn check_plausible(&self, length: usize) -> Result<(), RenditionError> {
        match &self.format {
            Format::Png(chunks) => chunks.check_plausible(),
            Format::WebP(container) => container.frame.check_plausible(),
            Format::Jpeg(header) if (length as u64) < jpeg::fewest_bytes(header) => {
                Err(RenditionError::Truncated)
            }
            Format::Jpeg(_) => Ok(()),
        }
    }

    pub(crate) fn media_type(&self) -> MediaType {
        match self.format {
            Format::Png(_) => MediaType::Png,
            Format::Jpeg(_) => MediaType::Jpeg,
            Format::WebP(_) => MediaType::WebP,
        }
    }

    /// Turns a stored size upright, or an upright one back: both swap the sides.
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
    pub(crate) fn fitted_into_master(&self) -> Dimensions {
        let upright = self.upright(self.stored);
        self.upright(crate::RequestedSize::master().effective(upright))
    }
}

impl Dimensions {
    pub(crate) fn pixels(self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }
}

/// The smallest scale that leaves half as much again as is wanted: that costs at most 0.02 dB.
pub(crate) fn scale(header: &jpeg::Header, wanted: Dimensions) -> Scale {
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
    match &header.format {
        Format::Png(chunks) => png::decode(bytes, chunks, wanted),
        Format::WebP(container) => webp::decode(bytes, container, wanted),
        Format::Jpeg(header) => {
            let planes = jpeg::decode(bytes, scale(header, wanted))?;
            match planes.colour {
                Colour::Grey | Colour::YCbCr => Ok(Picture::Planar(planes)),
                Colour::Rgb | Colour::Cmyk { .. } | Colour::Ycck { .. } => {
                    Picture::Planar(planes).interleaved()
                }
            }
        }
    }
}

impl From<JpegError> for RenditionError {
    fn from(error: JpegError) -> Self {
        match error {
            JpegError::NotJpeg => Self::UnknownFormat,
            JpegError::Truncated => Self::Truncated,
            JpegError::TooManySegments => Self::TooManyParts,
            JpegError::Unsupported(what) => Self::Unsupported(what.to_owned()),
            JpegError::NotEncodable(what) => Self::Encode(what.to_owned()),
            other => Self::Damaged(other.to_string()),
        }
    }
}
