//! Resizing: Lanczos, with colours weighted by their alpha.
//!
//! Planes are resized one by one, and chroma only to half the size of luma: that is what JPEG
//! stores anyway.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::{RgbImage, RgbaImage};

use crate::jpeg::{Plane, Planes};
use crate::picture::Picture;
use crate::{Dimensions, RenditionError};

/// Brings a picture to a size that [`crate::RequestedSize::effective`] gave.
pub(crate) fn fit(picture: Picture, size: Dimensions) -> Result<Picture, RenditionError> {
    let refused = || RenditionError::Encode("the size does not fit the pixels".to_owned());
    let is_there = |(width, height): (u32, u32)| (width, height) == (size.width, size.height);
    match picture {
        Picture::Opaque(pixels) if is_there(pixels.dimensions()) => Ok(Picture::Opaque(pixels)),
        Picture::Transparent(pixels) if is_there(pixels.dimensions()) => {
            Ok(Picture::Transparent(pixels))
        }
        Picture::Opaque(pixels) => {
            let source = Source::whole(pixels.as_raw(), pixels.width(), pixels.height());
            RgbImage::from_raw(
                size.width,
                size.height,
                source.resize(PixelType::U8x3, size)?,
            )
            .map(Picture::Opaque)
            .ok_or_else(refused)
        }
        Picture::Transparent(pixels) => {
            let source = Source::whole(pixels.as_raw(), pixels.width(), pixels.height());
            RgbaImage::from_raw(
                size.width,
                size.height,
                source.resize(PixelType::U8x4, size)?,
            )
            .map(Picture::Transparent)
            .ok_or_else(refused)
        }
        Picture::Planar(planes) => fit_planes(planes, size).map(Picture::Planar),
    }
}

fn fit_planes(planes: Planes, size: Dimensions) -> Result<Planes, RenditionError> {
    let (width, height) = (size.width as usize, size.height as usize);
    if (planes.width, planes.height) == (width, height)
        && planes.planes.iter().all(is_encodable(&planes))
    {
        return Ok(planes);
    }
    let half = Dimensions {
        width: size.width.div_ceil(2),
        height: size.height.div_ceil(2),
    };
    let resized = planes
        .planes
        .iter()
        .enumerate()
        .map(|(place, plane)| {
            let size = if place == 0 { size } else { half };
            // Subsampled planes are rounded up to whole samples; the picture ends before that.
            let exact = |side: usize, whole: usize, luma: usize| {
                let ratio = (luma as f64 / side as f64).round().max(1.0);
                (whole as f64 / ratio).min(side as f64)
            };
            let source = Source {
                samples: &plane.samples,
                stride: u32::try_from(plane.stride).unwrap_or(u32::MAX),
                rows: u32::try_from(plane.samples.len() / plane.stride.max(1)).unwrap_or(u32::MAX),
                width: exact(plane.width, planes.width, planes.planes[0].width),
                height: exact(plane.height, planes.height, planes.planes[0].height),
            };
            let samples = source.resize(PixelType::U8, size)?;
            Ok(Plane {
                width: size.width as usize,
                height: size.height as usize,
                stride: size.width as usize,
                samples,
            })
        })
        .collect::<Result<_, RenditionError>>()?;
    Ok(Planes {
        width,
        height,
        colour: planes.colour,
        planes: resized,
    })
}

/// Whether the encoder takes a plane as it is: as large as the picture, or half of it.
fn is_encodable(planes: &Planes) -> impl Fn(&Plane) -> bool {
    let (width, height) = (planes.width, planes.height);
    move |plane| {
        [width, width.div_ceil(2)].contains(&plane.width)
            && [height, height.div_ceil(2)].contains(&plane.height)
    }
}

/// Samples in rows, of which the picture takes the upper left part.
struct Source<'a> {
    samples: &'a [u8],
    stride: u32,
    rows: u32,
    width: f64,
    height: f64,
}

impl<'a> Source<'a> {
    fn whole(samples: &'a [u8], width: u32, height: u32) -> Self {
        Self {
            samples,
            stride: width,
            rows: height,
            width: f64::from(width),
            height: f64::from(height),
        }
    }

    fn resize(&self, pixel_type: PixelType, size: Dimensions) -> Result<Vec<u8>, RenditionError> {
        let failed = |problem: &dyn std::fmt::Display| RenditionError::Encode(problem.to_string());
        let source = ImageRef::new(self.stride, self.rows, self.samples, pixel_type)
            .map_err(|problem| failed(&problem))?;
        let mut target = Image::new(size.width, size.height, pixel_type);
        let options = ResizeOptions::new()
            .resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3))
            .crop(0.0, 0.0, self.width, self.height)
            .use_alpha(true);
        Resizer::new()
            .resize(&source, &mut target, &options)
            .map_err(|problem| failed(&problem))?;
        Ok(target.into_vec())
    }
}
