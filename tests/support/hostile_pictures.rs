//! Small files that are expensive to decode. [`with_note`] changes the bytes of a PNG, so that the
//! next upload is not a duplicate.

use std::io::Write;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use image::{ImageFormat, Rgba, RgbaImage};

use crate::pictures::{encoded, png_chunk};

const PNG_SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";
const GREY: u8 = 0;
const TRUE_COLOUR: u8 = 2;

/// A lossless WebP of any size in some 40 bytes: each of its five prefix codes has one symbol,
/// so that a pixel takes no bits.
pub fn webp_of_one_colour(width: u32, height: u32, seed: u32) -> Vec<u8> {
    let mut bits = Bits::default();
    bits.push(0x2f, 8);
    bits.push(width - 1, 14);
    bits.push(height - 1, 14);
    // No alpha, version 0; no transform, no colour cache, no meta codes.
    bits.push(0, 1 + 3 + 1 + 1 + 1);
    let [_, red, green, blue] = seed.to_be_bytes();
    for symbol in [green, red, blue, 0xff, 0] {
        // A simple code with one symbol of 8 bits.
        bits.push(0b101, 3);
        bits.push(u32::from(symbol), 8);
    }
    let mut payload = bits.bytes;
    let length = payload.len() as u32;
    payload.resize(payload.len().next_multiple_of(2), 0);
    let size = (4 + 8 + payload.len()) as u32;
    [
        b"RIFF".as_slice(),
        &size.to_le_bytes(),
        b"WEBPVP8L",
        &length.to_le_bytes(),
        &payload,
    ]
    .concat()
}

/// A bit writer, lowest bit first, as WebP requires.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    used: u32,
}

impl Bits {
    fn push(&mut self, value: u32, count: u32) {
        for place in 0..count {
            if self.used.is_multiple_of(8) {
                self.bytes.push(0);
            }
            let last = self.bytes.len() - 1;
            self.bytes[last] |= ((value >> place & 1) as u8) << (self.used % 8);
            self.used += 1;
        }
    }
}

/// A grey PNG of one shade, whose rows deflate to a thousandth.
pub fn png_of_one_shade(side: u32) -> Vec<u8> {
    let row_bytes = 1 + u64::from(side);
    let pixels = deflated_zeros(row_bytes * u64::from(side));
    png(side, GREY, &[png_chunk(b"IDAT", &pixels)])
}

/// A tiny PNG whose colour profile inflates to this many bytes.
pub fn png_with_profile_of(inflated_bytes: u64) -> Vec<u8> {
    const SIDE: u32 = 8;
    let profile = [b"x\0\0", deflated_zeros(inflated_bytes).as_slice()].concat();
    let pixels = deflated_zeros(u64::from((1 + 3 * SIDE) * SIDE));
    let chunks = [png_chunk(b"iCCP", &profile), png_chunk(b"IDAT", &pixels)];
    png(SIDE, TRUE_COLOUR, &chunks)
}

/// An incompressible PNG of this size.
pub fn noise(width: u32, height: u32, seed: u32) -> Vec<u8> {
    let mut state = seed;
    let pixels = RgbaImage::from_fn(width, height, |_, _| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let mixed = (state ^ (state >> 15)).wrapping_mul(2_654_435_761);
        let [red, green, blue, _] = mixed.to_be_bytes();
        Rgba([red, green, blue, 255])
    });
    encoded(
        image::DynamicImage::from(pixels).to_rgb8(),
        ImageFormat::Png,
    )
}

/// The PNG with one more text chunk, so that its bytes are new and its pixels are not.
pub fn with_note(png: &[u8], seed: u32) -> Vec<u8> {
    const END_OF_IHDR: usize = 33;
    let (head, rest) = png.split_at(END_OF_IHDR);
    let note = png_chunk(b"tEXt", format!("seed\0{seed}").as_bytes());
    [head, &note, rest].concat()
}

fn png(side: u32, colour_type: u8, chunks: &[Vec<u8>]) -> Vec<u8> {
    let side = side.to_be_bytes();
    let header = [&side[..], &side, &[8, colour_type, 0, 0, 0]].concat();
    [
        PNG_SIGNATURE,
        &png_chunk(b"IHDR", &header),
        &chunks.concat(),
        &png_chunk(b"IEND", &[]),
    ]
    .concat()
}

fn deflated_zeros(count: u64) -> Vec<u8> {
    let mut deflate = ZlibEncoder::new(Vec::new(), Compression::best());
    let block = vec![0; 1 << 20];
    let mut left = count;
    while left > 0 {
        let next = left.min(block.len() as u64);
        deflate
            .write_all(&block[..next as usize])
            .expect("memory takes everything");
        left -= next;
    }
    deflate.finish().expect("memory takes everything")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_what_their_names_say() {
        let small = image::load_from_memory(&webp_of_one_colour(30, 20, 0x00aa_bbcc)).unwrap();
        assert_eq!((small.width(), small.height()), (30, 20));
        assert_eq!(small.to_rgb8().get_pixel(29, 19).0, [0xaa, 0xbb, 0xcc]);
        assert!(webp_of_one_colour(10_000, 10_000, 1).len() <= 50);

        let grey = image::load_from_memory(&png_of_one_shade(50)).unwrap();
        assert_eq!((grey.width(), grey.height()), (50, 50));
        let profile = png_with_profile_of(1 << 20);
        assert!(profile.len() < 4_096);
        assert!(image::load_from_memory(&profile).is_ok());

        let noisy = noise(64, 64, 1);
        assert!(noisy.len() > 64 * 64 * 3);
        assert!(image::load_from_memory(&with_note(&noisy, 2)).is_ok());
    }
}
