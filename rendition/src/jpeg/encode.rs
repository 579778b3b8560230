//! The encoder: planes to a baseline JFIF file with Huffman codes made for the picture. Its own
//! file because it defines the order of the file's parts; the arithmetic is in `fdct`, the entropy
//! coding in `tokens`. It writes no metadata.

use wide::i16x8;

use super::JpegError;
use super::fdct::{self, Quantiser, Rows};
use super::huffman_code::HuffmanCode;
use super::planes::{Colour, Plane, Planes};
use super::segments::{APP0, DHT, DQT, EOI, SOI, SOS};
use super::tokens::{self, CODES, Class, Token, Tokens, Writer};
use super::zigzag::ZIGZAG;

/// Start of a baseline frame.
const SOF0: u8 = 0xC0;

/// Encodes a grey picture, or one in YCbCr whose chroma has the size of luma or half of it, in
/// either direction. Quality is 1 to 100 on the scale of the Independent JPEG Group.
///
/// # Errors
/// [`JpegError::NotEncodable`] when the planes are of another kind, or of sizes that do not fit
/// together or exceed 65,535.
pub fn encode(planes: &Planes, quality: u8) -> Result<Vec<u8>, JpegError> {
    let channels = channels(planes)?;
    let steps = steps(quality);
    let quantiser = Quantiser::new(&steps);
    let mut tokens = Tokens::new(coded_samples(planes, &channels));
    visit(planes, &channels, &quantiser, |token| tokens.push(token));
    let classes = if channels.len() == 1 { 1 } else { 2 };
    let codes = tokens.codes();
    let mut file = vec![0xFF, SOI];
    write_jfif(&mut file);
    write_quant(&mut file, &steps);
    write_frame(&mut file, planes, &channels);
    write_huffman(&mut file, &codes[..classes * CODES / 2]);
    write_scan(&mut file, &channels);
    // About one byte in 256 needs stuffing.
    let bytes = tokens.written_bytes(&codes);
    file.reserve_exact(bytes + bytes / 64 + 64);
    let mut writer = Writer::new(&codes, &mut file);
    match tokens.list() {
        Some(list) => list.iter().for_each(|&token| writer.put(token)),
        None => visit(planes, &channels, &quantiser, |token| writer.put(token)),
    }
    writer.finish();
    file.extend([0xFF, EOI]);
    Ok(file)
}

/// Samples of all blocks, including those outside the picture.
fn coded_samples(planes: &Planes, channels: &[Channel<'_>]) -> usize {
    let (across, down) = (channels[0].across, channels[0].down);
    let mcus = planes.height.div_ceil(8 * down) * planes.width.div_ceil(8 * across);
    let blocks = channels.iter().map(|channel| channel.across * channel.down);
    mcus * blocks.sum::<usize>() * 64
}

/// Passes on the symbols of all blocks in coding order.
#[inline(always)]
fn visit(
    planes: &Planes,
    channels: &[Channel<'_>],
    quantiser: &Quantiser,
    mut push: impl FnMut(Token),
) {
    let (across, down) = (channels[0].across, channels[0].down);
    let mut predicted = [0; 3];
    for y in 0..planes.height.div_ceil(8 * down) {
        for x in 0..planes.width.div_ceil(8 * across) {
            for (channel, predicted) in channels.iter().zip(&mut predicted) {
                for v in 0..channel.down {
                    for h in 0..channel.across {
                        let (x, y) = (x * channel.across + h, y * channel.down + v);
                        match samples(channel.plane, x, y) {
                            None => tokens::of_filler(channel.class, &mut push),
                            Some(samples) => {
                                let block = quantiser.quantise(&fdct::transform(&samples));
                                tokens::of_block(channel.class, &block, predicted, &mut push);
                            }
                        }
                    }
                }
            }
        }
    }
}

/// A component: its plane and the number of its blocks in an MCU.
struct Channel<'a> {
    plane: &'a Plane,
    class: Class,
    across: usize,
    down: usize,
}

/// Checks the planes, and derives the sampling factors from their sizes.
fn channels(planes: &Planes) -> Result<Vec<Channel<'_>>, JpegError> {
    const SIZES: JpegError = JpegError::NotEncodable("planes with sizes that do not fit together");
    if !planes.is_sound() {
        return Err(JpegError::NotEncodable(
            "planes without all of their samples",
        ));
    }
    if planes.width > 65_535 || planes.height > 65_535 {
        return Err(JpegError::NotEncodable("a side above 65,535"));
    }
    let luma = &planes.planes[0];
    if (luma.width, luma.height) != (planes.width, planes.height) {
        return Err(SIZES);
    }
    let (mut across, mut down) = (1, 1);
    let mut chroma = Vec::new();
    match planes.colour {
        Colour::Grey => {}
        Colour::YCbCr => {
            let (cb, cr) = (&planes.planes[1], &planes.planes[2]);
            if (cb.width, cb.height) != (cr.width, cr.height) {
                return Err(SIZES);
            }
            across = factor(luma.width, cb.width).ok_or(SIZES)?;
            down = factor(luma.height, cb.height).ok_or(SIZES)?;
            let class = Class::Chroma;
            chroma.extend([cb, cr].map(|plane| Channel {
                plane,
                class,
                across: 1,
                down: 1,
            }));
        }
        _ => return Err(JpegError::NotEncodable("neither grey nor YCbCr")),
    }
    let mut channels = vec![Channel {
        plane: luma,
        class: Class::Luma,
        across,
        down,
    }];
    channels.append(&mut chroma);
    Ok(channels)
}

/// How much smaller chroma is than luma along one side.
fn factor(luma: usize, chroma: usize) -> Option<usize> {
    if chroma == luma {
        Some(1)
    } else if chroma == luma.div_ceil(2) {
        Some(2)
    } else {
        None
    }
}

/// The samples of a block, centred on 0; past the edges the last ones are repeated, which takes the
/// fewest bits. None if the whole block lies outside.
#[inline(always)]
fn samples(plane: &Plane, x: usize, y: usize) -> Option<Rows> {
    let (left, top) = (x * 8, y * 8);
    if left >= plane.width || top >= plane.height {
        return None;
    }
    Some(std::array::from_fn(|line| {
        let source = &plane.row((top + line).min(plane.height - 1))[left..];
        let eight = source.first_chunk().copied().unwrap_or_else(|| {
            let last = source.len() - 1;
            std::array::from_fn(|column| source[column.min(last)])
        });
        i16x8::from(eight.map(i16::from)) - i16x8::splat(128)
    }))
}

/// [`STEPS`] at a quality, in zigzag order. 50 leaves them as they are, 100 makes all of them 1.
fn steps(quality: u8) -> [u8; 64] {
    let quality = u32::from(quality.clamp(1, 100));
    let percent = if quality < 50 {
        5000 / quality
    } else {
        200 - 2 * quality
    };
    ZIGZAG.map(|place| {
        let step = u32::from(STEPS[usize::from(place)]);
        ((step * percent + 50) / 100).clamp(1, 255) as u8
    })
}

fn write_jfif(file: &mut Vec<u8>) {
    // Version 1.01, pixels without unit, square, no thumbnail.
    segment(file, APP0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0");
}

/// One table of bytes, number 0, for all channels.
fn write_quant(file: &mut Vec<u8>, steps: &[u8; 64]) {
    let mut payload = vec![0];
    payload.extend(steps);
    segment(file, DQT, &payload);
}

fn write_frame(file: &mut Vec<u8>, planes: &Planes, channels: &[Channel<'_>]) {
    let mut payload = vec![8];
    payload.extend((planes.height as u16).to_be_bytes());
    payload.extend((planes.width as u16).to_be_bytes());
    payload.push(channels.len() as u8);
    for (id, channel) in (1..).zip(channels) {
        payload.extend([id, (channel.across << 4 | channel.down) as u8, 0]);
    }
    segment(file, SOF0, &payload);
}

fn write_huffman(file: &mut Vec<u8>, codes: &[HuffmanCode]) {
    let mut payload = Vec::new();
    for (number, code) in (0_u8..).zip(codes) {
        // The high half distinguishes DC and AC, the low half luma and chroma.
        payload.push((number & 1) << 4 | number >> 1);
        payload.extend(code.counts);
        payload.extend(&code.symbols);
    }
    segment(file, DHT, &payload);
}

fn write_scan(file: &mut Vec<u8>, channels: &[Channel<'_>]) {
    let mut payload = vec![channels.len() as u8];
    for (id, channel) in (1..).zip(channels) {
        payload.extend([id, channel.class as u8 * 0x11]);
    }
    // All coefficients at full precision.
    payload.extend([0, 63, 0]);
    segment(file, SOS, &payload);
}

fn segment(file: &mut Vec<u8>, marker: u8, payload: &[u8]) {
    file.extend([0xFF, marker]);
    file.extend((payload.len() as u16 + 2).to_be_bytes());
    file.extend(payload);
}

/// Quantisation steps for luma and chroma alike, in natural order: the table of N. Robidoux, which
/// ImageMagick and mozjpeg include. At equal size it looks better than the tables of annex K.1,
/// which spend too little on chroma: `docs/benchmarks.md` has the figures.
#[rustfmt::skip]
const STEPS: [u16; 64] = [
    16, 16,  16,  18,  25,  37,  56,  85,
    16, 17,  20,  27,  34,  40,  53,  75,
    16, 20,  24,  31,  43,  62,  91, 135,
    18, 27,  31,  40,  53,  74, 106, 156,
    25, 34,  43,  53,  69,  94, 131, 189,
    37, 40,  62,  74,  94, 124, 169, 238,
    56, 53,  91, 106, 131, 169, 226, 311,
    85, 75, 135, 156, 189, 238, 311, 418,
];
