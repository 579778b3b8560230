//! From pixels to bytes. The input is only pixels, so the output contains no metadata.

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::codecs::webp::WebPEncoder;
use image::{DynamicImage, ImageEncoder, RgbImage, RgbaImage};

use crate::jpeg::{self, Subsampling};
use crate::picture::Picture;
use crate::{MediaType, RenditionError};

/// The purpose of the encoded bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Renditions are made from it.
    #[cfg_attr(
        not(feature = "ingest"),
        expect(dead_code, reason = "made at ingest only")
    )]
    Master,
    /// Shown to clients.
    Rendition,
}

impl Purpose {
    fn jpeg_quality(self) -> u8 {
        match self {
            Self::Master => 92,
            Self::Rendition => 80,
        }
    }
}

/// Encodes a picture. JPEG has no transparency: transparent pixels are laid over white.
pub(crate) fn encode(
    picture: Picture,
    media_type: MediaType,
    purpose: Purpose,
) -> Result<Vec<u8>, RenditionError> {
    match media_type {
        MediaType::Jpeg => jpeg(picture, purpose),
        MediaType::Png => {
            let mut bytes = Vec::new();
            // The adaptive level costs many times more for about a tenth of the size.
            let encoder = PngEncoder::new_with_quality(
                &mut bytes,
                CompressionType::Fast,
                FilterType::Adaptive,
            );
            write(encoder, picture)?;
            Ok(bytes)
        }
        MediaType::WebP => {
            let mut bytes = Vec::new();
            write(WebPEncoder::new_lossless(&mut bytes), picture)?;
            Ok(bytes)
        }
    }
}

fn write(encoder: impl ImageEncoder, picture: Picture) -> Result<(), RenditionError> {
    let image = match picture.interleaved()? {
        Picture::Transparent(pixels) => DynamicImage::ImageRgba8(pixels),
        Picture::Opaque(pixels) => DynamicImage::ImageRgb8(pixels),
        Picture::Planar(_) => return Err(RenditionError::Encode("planes stayed planes".into())),
    };
    image
        .write_with_encoder(encoder)
        .map_err(|problem| RenditionError::Encode(problem.to_string()))
}

fn jpeg(picture: Picture, purpose: Purpose) -> Result<Vec<u8>, RenditionError> {
    let pixels = match picture {
        Picture::Planar(planes) => return Ok(jpeg::encode(&planes, purpose.jpeg_quality())?),
        Picture::Opaque(pixels) => pixels,
        Picture::Transparent(pixels) => on_white(&pixels),
    };
    let (width, height) = (pixels.width() as usize, pixels.height() as usize);
    let planes = jpeg::from_rgb(width, height, pixels.as_raw(), Subsampling::Quarter)?;
    Ok(jpeg::encode(&planes, purpose.jpeg_quality())?)
}

fn on_white(pixels: &RgbaImage) -> RgbImage {
    let mut flat = DynamicImage::ImageRgba8(pixels.clone()).into_rgb8();
    for (flat, pixel) in flat.pixels_mut().zip(pixels.pixels()) {
        let alpha = u32::from(pixel.0[3]);
        for (channel, value) in flat.0.iter_mut().zip(pixel.0) {
            let mixed = (u32::from(value) * alpha + 255 * (255 - alpha) + 127) / 255;
            *channel = u8::try_from(mixed).unwrap_or(u8::MAX);
        }
    }
    flat
}
