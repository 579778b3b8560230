//! Pictures to upload: gradients under noise, about as hard to compress as photographs.

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{Rgb, RgbImage};

const LARGEST_UPLOAD_BYTES: usize = 16 << 20;

/// A JPEG as from a small camera.
pub(crate) fn photograph(seed: u32) -> Vec<u8> {
    jpeg(&noisy(1600, 1200, 24, seed), 85)
}

/// JPEGs of 48 megapixels, just below the largest upload; the bytes of each differ.
pub(crate) fn large_jpegs(count: u8) -> Vec<Vec<u8>> {
    let picture = noisy(8000, 6000, 36, 1);
    let mut quality = 80;
    let bytes = loop {
        let bytes = jpeg(&picture, quality);
        if bytes.len() < LARGEST_UPLOAD_BYTES - 8 {
            break bytes;
        }
        quality -= 2;
    };
    (0..count)
        .map(|number| with_comment(&bytes, number))
        .collect()
}

/// PNGs of pure noise, just below the largest upload.
pub(crate) fn large_pngs(count: u8) -> Vec<Vec<u8>> {
    (0..count)
        .map(|seed| {
            let mut bytes = Vec::new();
            let encoder = PngEncoder::new_with_quality(
                &mut bytes,
                CompressionType::Uncompressed,
                FilterType::NoFilter,
            );
            noisy(2360, 2360, 255, u32::from(seed) + 1)
                .write_with_encoder(encoder)
                .expect("a PNG");
            assert!(bytes.len() < LARGEST_UPLOAD_BYTES);
            bytes
        })
        .collect()
}

fn noisy(width: u32, height: u32, noise: u32, seed: u32) -> RgbImage {
    let mut state = seed.wrapping_mul(0x9e37_79b9) | 1;
    RgbImage::from_fn(width, height, |x, y| {
        // Marsaglia's xorshift: the same picture on every run.
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        let level = |base: u32, bits: u32| {
            let level = base * (255 - noise) / 255 + (bits & 0xff) * noise / 255;
            level.min(255) as u8
        };
        Rgb([
            level(x * 255 / width, state),
            level(y * 255 / height, state >> 8),
            level((x + y) * 255 / (width + height), state >> 16),
        ])
    })
}

fn jpeg(picture: &RgbImage, quality: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    picture
        .write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, quality))
        .expect("a JPEG");
    bytes
}

/// The same JPEG with a comment segment behind its first marker: other bytes, same work.
fn with_comment(jpeg: &[u8], number: u8) -> Vec<u8> {
    let (start, rest) = jpeg.split_at(2);
    [start, &[0xff, 0xfe, 0, 3, number], rest].concat()
}
