//! A decoded picture at eight bits a channel: the input of the resizer and the encoders.

#[cfg(feature = "ingest")]
use image::metadata::Orientation;
#[cfg(feature = "ingest")]
use image::{DynamicImage, GrayImage};
use image::{RgbImage, RgbaImage};

use crate::RenditionError;
#[cfg(feature = "ingest")]
use crate::jpeg::Plane;
use crate::jpeg::{Planes, to_rgb};

/// A decoded picture.
pub(crate) enum Picture {
    /// As JPEG stores it: grey, or luma with two colour differences, never converted to RGB between
    /// JPEG and JPEG.
    Planar(Planes),
    /// Without transparency.
    Opaque(RgbImage),
    /// With transparency.
    Transparent(RgbaImage),
}

impl Picture {
    /// Converts planes to RGB; leaves anything else as it is.
    pub(crate) fn interleaved(self) -> Result<Self, RenditionError> {
        let Self::Planar(planes) = self else {
            return Ok(self);
        };
        let too_large = |_| RenditionError::TooManyPixels;
        let width = u32::try_from(planes.width).map_err(too_large)?;
        let height = u32::try_from(planes.height).map_err(too_large)?;
        RgbImage::from_raw(width, height, to_rgb(&planes)?)
            .map(Self::Opaque)
            .ok_or(RenditionError::Truncated)
    }

    /// Turns the picture according to its EXIF block.
    #[cfg(feature = "ingest")]
    pub(crate) fn upright(self, orientation: Orientation) -> Self {
        let turn = |mut image: DynamicImage| {
            image.apply_orientation(orientation);
            image
        };
        match self {
            picture if orientation == Orientation::NoTransforms => picture,
            Self::Opaque(pixels) => Self::Opaque(turn(pixels.into()).into_rgb8()),
            Self::Transparent(pixels) => Self::Transparent(turn(pixels.into()).into_rgba8()),
            Self::Planar(mut planes) => {
                for plane in &mut planes.planes {
                    if let Some(grey) = grey(plane) {
                        *plane = of_grey(turn(grey.into()).into_luma8());
                    }
                }
                if let Some(luma) = planes.planes.first() {
                    (planes.width, planes.height) = (luma.width, luma.height);
                }
                Self::Planar(planes)
            }
        }
    }
}

#[cfg(feature = "ingest")]
fn grey(plane: &Plane) -> Option<GrayImage> {
    let samples = (0..plane.height).flat_map(|y| plane.row(y).iter().copied());
    let width = u32::try_from(plane.width).ok()?;
    let height = u32::try_from(plane.height).ok()?;
    GrayImage::from_raw(width, height, samples.collect())
}

#[cfg(feature = "ingest")]
fn of_grey(grey: GrayImage) -> Plane {
    let (width, height) = grey.dimensions();
    Plane {
        width: width as usize,
        height: height as usize,
        stride: width as usize,
        samples: grey.into_raw(),
    }
}
