//! The cost of decoding a picture, known from its header: an upper bound of the memory, and how
//! many pixels are too many for its kind.
//!
//! `tests/memory.rs` compares every bound with the actual allocations; `benches/hostile.rs`
//! searches for files that break one. `docs/adr/0009-bounded-pictures.md` has the reasons.

use std::ops::Range;

use crate::decode::{self, Format, Header};
use crate::jpeg::{self, Coding as JpegCoding, Colour as JpegColour};
use crate::png::{Chunks, Colour};
use crate::rows;
use crate::webp::{self, Coding, Container};
use crate::{Dimensions, MasterInfo, MediaType, RenditionError, RenditionSpec};

/// The limit of an interlaced PNG: all of it must be decoded before its first row is complete.
const MOST_INTERLACED: u64 = 12_500_000;
/// The limit of a progressive JPEG: its coefficients are kept until the last scan.
const MOST_PROGRESSIVE: u64 = 50_000_000;
/// The limit of a lossy WebP: its decoder needs the whole picture, and is slow.
const MOST_LOSSY_WEBP: u64 = 12_500_000;
/// The limit of a lossless WebP: undoing its transforms takes time for each pixel.
const MOST_LOSSLESS_WEBP: u64 = 16_000_000;

/// Tables, row buffers, lists of chunks.
const SMALL_THINGS: u64 = 2 << 20;

/// Refuses a picture that has too many pixels for its kind.
pub(crate) fn check(header: &Header) -> Result<(), RenditionError> {
    let (kind, most_pixels) = match &header.format {
        Format::Png(chunks) if chunks.is_interlaced => ("an interlaced PNG", MOST_INTERLACED),
        Format::Jpeg(jpeg) if jpeg.coding == JpegCoding::Progressive => {
            ("a progressive JPEG", MOST_PROGRESSIVE)
        }
        Format::WebP(container) => match container.frame.coding {
            Coding::Lossy => ("a lossy WebP", MOST_LOSSY_WEBP),
            Coding::Lossless => ("a lossless WebP", MOST_LOSSLESS_WEBP),
        },
        Format::Png(_) | Format::Jpeg(_) => return Ok(()),
    };
    if header.stored.pixels() > most_pixels {
        return Err(RenditionError::TooCostly { kind, most_pixels });
    }
    Ok(())
}

/// Upper bound of the memory for making a master, in bytes, without the upload itself.
pub(crate) fn working_bytes(header: &Header) -> u64 {
    let master = header.fitted_into_master();
    let most = match &header.format {
        Format::Png(chunks) => of_png(chunks, master),
        Format::Jpeg(jpeg) => of_jpeg(jpeg, master),
        Format::WebP(container) => of_webp(container, master),
    };
    most + of_profile(header) + SMALL_THINGS
}

/// Upper bound of a rendition's length in bytes.
pub fn rendition_bytes(info: &MasterInfo, spec: &RenditionSpec) -> u64 {
    /// Everything beside the pixels.
    const HEAD: u64 = 4 << 10;
    HEAD + file_bytes(spec.media_type, spec.dimensions, info.has_alpha)
}

/// Upper bound of the memory for rendering a master, in bytes, with the master and the rendition.
pub fn rendering_bytes(info: &MasterInfo, spec: &RenditionSpec) -> u64 {
    let channels = if info.has_alpha { 4 } else { 3 };
    let (master, rendition) = (info.dimensions, spec.dimensions);
    let file = file_bytes(info.media_type, master, info.has_alpha);
    // Resized vertically first, then horizontally.
    let strip = u64::from(rendition.width) * u64::from(master.height) * channels;
    let decoded = match info.media_type {
        MediaType::Jpeg => {
            // Scaled during decoding, by eighths, to half as much again as is wanted.
            let scaled = |side: u32, wanted: u32| {
                let (side, wanted) = (u64::from(side), u64::from(wanted));
                side.min(wanted * 3 / 2 + side.div_ceil(8))
            };
            let width = scaled(master.width, rendition.width);
            let height = scaled(master.height, rendition.height);
            width * (height + u64::from(rendition.height)) * 3
        }
        MediaType::Png | MediaType::WebP => {
            // Colours are weighted by their alpha in a copy.
            let weighted = if info.has_alpha {
                master.pixels() * channels
            } else {
                0
            };
            let decoding = of_lossless(master.pixels(), file);
            rows::bytes(master, master, channels) + decoding.max(weighted + strip)
        }
    };
    let resized = rendition.pixels() * channels;
    let encoded = match spec.media_type {
        MediaType::Jpeg => making_jpeg(rendition),
        MediaType::Png => making_png(rendition, channels),
        MediaType::WebP => making_webp(rendition),
    };
    file + (decoded + resized).max(encoded) + SMALL_THINGS
}

/// The most bytes of a picture that we encode in a format.
fn file_bytes(media_type: MediaType, size: Dimensions, has_alpha: bool) -> u64 {
    match media_type {
        MediaType::Jpeg => {
            let blocks = |side: u32| u64::from(side.next_multiple_of(16));
            blocks(size.width) * blocks(size.height) * 3 / 2
        }
        MediaType::Png | MediaType::WebP => size.pixels() * if has_alpha { 4 } else { 3 },
    }
}

fn of_png(chunks: &Chunks, master: Dimensions) -> u64 {
    let channels = if chunks.has_alpha() { 4 } else { 3 };
    let whole = match chunks.colour {
        _ if !chunks.is_interlaced => 0,
        Colour::Grey if !chunks.has_key => 1,
        Colour::Grey | Colour::GreyAlpha => 2,
        Colour::Rgb | Colour::Palette | Colour::Rgba => channels,
    };
    let decoding = chunks.size.pixels() * whole + rows::bytes(chunks.size, master, channels);
    // The decoder keeps some rows in compressed form.
    let rows = chunks.row_bytes() * 8;
    decoding.max(making_png(master, channels)) + chunks.list_bytes() + rows
}

fn of_jpeg(header: &jpeg::Header, master: Dimensions) -> u64 {
    let scale = decode::scale(header, master);
    let planes = jpeg::decoded_bytes(header, scale);
    let eighths = u64::from(scale.eighths());
    let scaled = |side: u32| (u64::from(side) * eighths).div_ceil(8);
    let (width, height) = (scaled(header.width), scaled(header.height));
    // Resized vertically first, then horizontally.
    let strip = width * u64::from(master.height);
    let has_planes = matches!(header.colour, JpegColour::Grey | JpegColour::YCbCr);
    let fitting = if has_planes {
        planes + strip + master.pixels() * 3
    } else {
        let pixels = width * height * 3;
        pixels + planes.max((strip + master.pixels()) * 3)
    };
    // Chroma keeps its size only when nothing is resized.
    let is_kept = (header.width, header.height) == (master.width, master.height);
    let samples = match header.colour {
        JpegColour::Grey => master.pixels(),
        JpegColour::YCbCr if is_kept => planes,
        _ => master.pixels() * 3 / 2,
    };
    let mut encoding = samples + (master.pixels() * 2).max(writing_jpeg(samples));
    if !has_planes || !header.icc.is_empty() {
        encoding = encoding.max(samples + master.pixels() * 3);
        encoding = encoding.max(making_jpeg(master));
    }
    let decoding = jpeg::memory_needed(header, scale);
    decoding.max(fitting).max(encoding)
}

fn of_webp(container: &Container, master: Dimensions) -> u64 {
    let frame = &container.frame;
    let pixels = frame.size.pixels();
    let bytes = |range: &Range<usize>| range.len() as u64;
    let (decoding, opaque) = match frame.coding {
        Coding::Lossless => (
            of_lossless(pixels, bytes(&frame.data)),
            making_png(master, 3),
        ),
        Coding::Lossy => {
            let blocks = u64::from(frame.size.width.div_ceil(16))
                * u64::from(frame.size.height.div_ceil(16));
            // Planes of whole blocks, the data kept for each block, and the colours. The compressed
            // bytes are collected in a buffer that doubles, copied into words, and these once more
            // without the last one.
            let planes = blocks * (256 * 3 / 2 + 128);
            let colours = planes + bytes(&frame.data) * 4 + pixels * 3;
            let alpha = frame.alpha.as_ref().filter(|_| container.has_alpha);
            let alpha = alpha.map_or((0, 0), |range| (pixels, of_lossless(pixels, bytes(range))));
            let most = alpha.0 + colours.max(alpha.1);
            (most, making_jpeg(master))
        }
    };
    let channels = if container.has_alpha { 4 } else { 3 };
    let decoding = decoding + rows::bytes(container.size, master, channels);
    let transparent = if container.has_alpha {
        making_webp(master)
    } else {
        0
    };
    decoding.max(opaque).max(transparent)
}

/// The memory of a lossless WebP beside its pixels: pixels that may be copied from, a byte and a
/// word for each block of 4 x 4 pixels, twice, and codes, of which 50 bytes of a file make at most
/// 4,000.
fn of_lossless(pixels: u64, bytes: u64) -> u64 {
    let window = pixels.min(webp::WINDOW as u64) * 4;
    let codes = (bytes * 80).min(webp::MOST_CODE_BYTES as u64);
    window + pixels * 3 / 4 + codes
}

/// The compressed profile, and the memory for parsing it.
fn of_profile(header: &Header) -> u64 {
    let most = crate::MOST_SIDE_BYTES as u64;
    let (bytes, inflation) = match &header.format {
        Format::Png(chunks) => (chunks.profile.clone().map_or(0, |range| range.len()), 1_032),
        Format::WebP(container) => (container.profile.clone().map_or(0, |range| range.len()), 1),
        Format::Jpeg(jpeg) => (jpeg.icc.iter().map(|chunk| chunk.range.len()).sum(), 1),
    };
    if bytes == 0 {
        return 0;
    }
    (bytes as u64 * inflation).min(most) * 2 + (1 << 20)
}

/// A turned copy of pixels, or their PNG: if it turns out longer than the pixels, it is written a
/// second time without compression. Each time, and once more for the file, it goes into a buffer
/// that doubles; during that, both the old buffer and the new one exist.
fn making_png(master: Dimensions, channels: u64) -> u64 {
    /// The definition of the codes, written at once.
    const CODES: u64 = 53;
    let pixels = master.pixels() * channels;
    let row = u64::from(master.width) * channels;
    let rows = pixels + u64::from(master.height);
    // Blocks of 64 KiB with a head each.
    let length = rows + rows / 1_000 + 64;
    // A code has twelve bits at most.
    let compressed = doubled(CODES, rows * 3 / 2 + CODES);
    let stored = doubled(row + 8, length);
    // The file is written at once, except for its last checksum.
    let file = length * 3;
    let packing = (compressed * 3 / 2).max(compressed + stored * 3 / 2);
    let writing = stored.max(doubled(CODES, length)) + file;
    pixels + pixels.max(packing).max(writing)
}

/// The capacity of a buffer that begins with `first` bytes and doubles, when it holds `needed`.
fn doubled(first: u64, needed: u64) -> u64 {
    first * needed.div_ceil(first).next_power_of_two()
}

/// The same for a WebP: a copy of the pixels, and a buffer that doubles; later that and the result.
fn making_webp(master: Dimensions) -> u64 {
    let pixels = master.pixels() * 4;
    let written = pixels + pixels / 8 + 4_096;
    let buffer = written.next_power_of_two();
    pixels + (pixels + buffer * 3 / 2).max(buffer + written)
}

/// Pixels and their turned copy, or their planes and JPEG.
fn making_jpeg(master: Dimensions) -> u64 {
    let pixels = master.pixels() * 3;
    let planes = pixels / 2 + u64::from(master.width + master.height);
    pixels + pixels.max(planes + writing_jpeg(planes))
}

/// Symbols, and bytes: at the quality of masters, no picture has been found that takes more.
fn writing_jpeg(samples: u64) -> u64 {
    (samples * 4 + (64 << 10)).min(jpeg::MOST_ENCODER_BYTES) + samples * 3 / 2
}
