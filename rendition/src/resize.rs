//! Resizing: Lanczos, with colours weighted by their alpha.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::{RgbImage, RgbaImage};

use crate::decode::Picture;
use crate::{Dimensions, RenditionError};

/// Brings a picture to a size that [`crate::RequestedSize::effective`] gave.
pub(crate) fn fit(picture: Picture, size: Dimensions) -> Result<Picture, RenditionError> {
    let refused = || RenditionError::Encode("the size does not fit the pixels".to_owned());
    match picture {
        Picture::Opaque(pixels) if pixels.dimensions() == (size.width, size.height) => {
            Ok(Picture::Opaque(pixels))
        }
        Picture::Transparent(pixels) if pixels.dimensions() == (size.width, size.height) => {
            Ok(Picture::Transparent(pixels))
        }
        Picture::Opaque(pixels) => {
            let (width, height) = pixels.dimensions();
            let resized = resize(pixels.as_raw(), width, height, PixelType::U8x3, size)?;
            RgbImage::from_raw(size.width, size.height, resized)
                .map(Picture::Opaque)
                .ok_or_else(refused)
        }
        Picture::Transparent(pixels) => {
            let (width, height) = pixels.dimensions();
            let resized = resize(pixels.as_raw(), width, height, PixelType::U8x4, size)?;
            RgbaImage::from_raw(size.width, size.height, resized)
                .map(Picture::Transparent)
                .ok_or_else(refused)
        }
    }
}

fn resize(
    pixels: &[u8],
    width: u32,
    height: u32,
    pixel_type: PixelType,
    size: Dimensions,
) -> Result<Vec<u8>, RenditionError> {
    let failed = |problem: &dyn std::fmt::Display| RenditionError::Encode(problem.to_string());
    let source =
        ImageRef::new(width, height, pixels, pixel_type).map_err(|problem| failed(&problem))?;
    let mut target = Image::new(size.width, size.height, pixel_type);
    let options = ResizeOptions::new()
        .resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3))
        .use_alpha(true);
    Resizer::new()
        .resize(&source, &mut target, &options)
        .map_err(|problem| failed(&problem))?;
    Ok(target.into_vec())
}
