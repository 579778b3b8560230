//! Small valid pictures, made in memory, and hostile ones.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};

/// A picture as a file.
pub fn encoded(image: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image
        .into()
        .write_to(&mut bytes, format)
        .expect("a picture");
    bytes.into_inner()
}

/// A picture of this size that differs for every seed.
pub fn pixels(width: u32, height: u32, seed: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let mixed = (x * 7 + y * 13 + seed).wrapping_mul(2_654_435_761);
        Rgb([
            (mixed >> 24) as u8,
            (seed >> 8) as u8 ^ x as u8,
            seed as u8 ^ y as u8,
        ])
    })
}

/// A PNG that differs for every seed.
pub fn png(seed: u32) -> Vec<u8> {
    encoded(pixels(8, 6, seed), ImageFormat::Png)
}

/// A PNG of this size.
pub fn png_of(width: u32, height: u32, seed: u32) -> Vec<u8> {
    encoded(pixels(width, height, seed), ImageFormat::Png)
}

/// A JPEG of this size.
pub fn jpeg_of(width: u32, height: u32, seed: u32) -> Vec<u8> {
    encoded(pixels(width, height, seed), ImageFormat::Jpeg)
}

/// A PNG whose upper left half is transparent.
pub fn png_with_alpha(width: u32, height: u32) -> Vec<u8> {
    let image = RgbaImage::from_fn(width, height, |x, y| {
        Rgba([200, 40, 40, if x + y < width.min(height) { 0 } else { 255 }])
    });
    encoded(image, ImageFormat::Png)
}

/// A lossless WebP without transparency.
pub fn webp(seed: u32) -> Vec<u8> {
    encoded(pixels(8, 6, seed), ImageFormat::WebP)
}

/// A PNG that declares this size, with hardly any pixel data.
pub fn png_bomb(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = png(1);
    bytes[16..20].copy_from_slice(&width.to_be_bytes());
    bytes[20..24].copy_from_slice(&height.to_be_bytes());
    let crc = crc32(&bytes[12..29]);
    bytes[29..33].copy_from_slice(&crc.to_be_bytes());
    bytes
}

/// A chunk of a PNG.
pub fn png_chunk(kind: &[u8; 4], payload: &[u8]) -> Vec<u8> {
    let length = payload.len() as u32;
    let named = [kind.as_slice(), payload].concat();
    let crc = crc32(&named);
    [&length.to_be_bytes(), named.as_slice(), &crc.to_be_bytes()].concat()
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & 0u32.wrapping_sub(crc & 1))
        })
    })
}
