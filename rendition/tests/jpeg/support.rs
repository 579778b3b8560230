//! Fixtures, generated pictures and comparisons of pictures, for all of these tests.

use std::path::{Path, PathBuf};

/// A picture as interleaved red, green, blue.
pub(crate) struct Rgb {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) pixels: Vec<u8>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/jpeg")
}

/// A fixture's bytes.
pub(crate) fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(folder().join(name)).unwrap()
}

/// The names of all JPEG fixtures that can be decoded.
pub(crate) fn decodable() -> Vec<String> {
    let names = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    let names = names.map(|name| name.into_string().unwrap());
    let mut names: Vec<_> = names
        .filter(|name| name.ends_with(".jpg") && !name.contains("arithmetic"))
        .collect();
    names.sort();
    assert!(names.len() > 10);
    names
}

/// A fixture as decoded by libjpeg-turbo.
pub(crate) fn expected(name: &str) -> Rgb {
    let bytes = fixture(&name.replace(".jpg", ".ppm"));
    let mut fields = bytes.splitn(4, |&byte| byte == b'\n' || byte == b' ');
    assert_eq!(fields.next(), Some(&b"P6"[..]));
    let mut number = || {
        std::str::from_utf8(fields.next().unwrap())
            .unwrap()
            .parse()
            .unwrap()
    };
    let (width, height) = (number(), number());
    let pixels = fields
        .next()
        .unwrap()
        .strip_prefix(b"255\n")
        .unwrap()
        .to_vec();
    Rgb {
        width,
        height,
        pixels,
    }
}

/// A picture with slopes, edges and a little noise, like a photograph's.
pub(crate) fn drawing(width: usize, height: usize) -> Rgb {
    let mut state = 1_u32;
    let mut pixels = Vec::with_capacity(width * height * 3);
    for y in 0..height {
        for x in 0..width {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let noise = (state >> 28) as usize;
            let edge = if (x / 11 + y / 7) % 5 == 0 { 60 } else { 0 };
            let value = |slope: usize| (slope % 180 + noise + edge).min(255) as u8;
            pixels.extend([value(40 + x * 2), value(90 + y), value(20 + x + y)]);
        }
    }
    Rgb {
        width,
        height,
        pixels,
    }
}

/// Like [`drawing`], but without edges in colour, so that all interpolations of chroma agree.
pub(crate) fn slopes(width: usize, height: usize) -> Rgb {
    let mut pixels = Vec::with_capacity(width * height * 3);
    for y in 0..height {
        for x in 0..width {
            let detail = if (x * 7 + y * 13) % 16 < 5 { 25 } else { 0 };
            let value = |slope: usize| (slope + detail).min(255) as u8;
            pixels.extend([value(60 + x), value(90 + y), value(150 - (x + y) / 2)]);
        }
    }
    Rgb {
        width,
        height,
        pixels,
    }
}

/// The largest difference between any two samples.
pub(crate) fn largest_difference(a: &[u8], b: &[u8]) -> u8 {
    assert_eq!(a.len(), b.len());
    a.iter()
        .zip(b)
        .map(|(a, b)| a.abs_diff(*b))
        .max()
        .unwrap_or(0)
}

/// Peak signal to noise ratio, in decibels.
pub(crate) fn psnr(a: &[u8], b: &[u8]) -> f64 {
    assert_eq!(a.len(), b.len());
    let squares: f64 = a
        .iter()
        .zip(b)
        .map(|(a, b)| f64::from(a.abs_diff(*b)).powi(2))
        .sum();
    10.0 * (255.0 * 255.0 * a.len() as f64 / squares.max(1e-9)).log10()
}

/// Decoded by zune-jpeg to RGB.
pub(crate) fn zune(bytes: &[u8]) -> Vec<u8> {
    use zune_core::{bytestream::ZCursor, colorspace::ColorSpace, options::DecoderOptions};
    let options = DecoderOptions::default().jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = zune_jpeg::JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode().unwrap()
}
