//! From pixels to bytes. Nothing but pixels goes in, so no metadata can come out.

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::codecs::webp::WebPEncoder;
use image::{DynamicImage, ExtendedColorType, ImageEncoder, RgbImage, RgbaImage};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

use crate::decode::Picture;
use crate::{MediaType, RenditionError};

/// What the bytes are for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To be rendered from again.
    #[cfg_attr(
        not(feature = "ingest"),
        expect(dead_code, reason = "made at ingest only")
    )]
    Master,
    /// To be looked at.
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

/// Encodes a picture. JPEG has no transparency: what is behind becomes white.
pub(crate) fn encode(
    picture: Picture,
    media_type: MediaType,
    purpose: Purpose,
) -> Result<Vec<u8>, RenditionError> {
    match (media_type, picture) {
        (MediaType::Jpeg, Picture::Opaque(pixels)) => jpeg(&pixels, purpose),
        (MediaType::Jpeg, Picture::Transparent(pixels)) => jpeg(&on_white(&pixels), purpose),
        (MediaType::Png, picture) => {
            let mut bytes = Vec::new();
            // The adaptive level costs many times more for about a tenth of the size.
            let encoder = PngEncoder::new_with_quality(
                &mut bytes,
                CompressionType::Fast,
                FilterType::Adaptive,
            );
            write(encoder, &picture)?;
            Ok(bytes)
        }
        (MediaType::WebP, picture) => {
            let mut bytes = Vec::new();
            write(WebPEncoder::new_lossless(&mut bytes), &picture)?;
            Ok(bytes)
        }
    }
}

fn write(encoder: impl ImageEncoder, picture: &Picture) -> Result<(), RenditionError> {
    let written = match picture {
        Picture::Opaque(pixels) => encoder.write_image(
            pixels.as_raw(),
            pixels.width(),
            pixels.height(),
            ExtendedColorType::Rgb8,
        ),
        Picture::Transparent(pixels) => encoder.write_image(
            pixels.as_raw(),
            pixels.width(),
            pixels.height(),
            ExtendedColorType::Rgba8,
        ),
    };
    written.map_err(|problem| RenditionError::Encode(problem.to_string()))
}

fn jpeg(pixels: &RgbImage, purpose: Purpose) -> Result<Vec<u8>, RenditionError> {
    let failed = |problem: &dyn std::fmt::Display| RenditionError::Encode(problem.to_string());
    let side = |length: u32| u16::try_from(length).map_err(|problem| failed(&problem));
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, purpose.jpeg_quality());
    encoder.set_sampling_factor(SamplingFactor::R_4_2_0);
    encoder.set_optimized_huffman_tables(true);
    encoder
        .encode(
            pixels.as_raw(),
            side(pixels.width())?,
            side(pixels.height())?,
            ColorType::Rgb,
        )
        .map_err(|problem| failed(&problem))?;
    Ok(bytes)
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
