//! The chunks of a PNG (W3C PNG, section 5): where they are, and what the header says. Nothing is
//! inflated here, so that inspecting a file costs hardly anything, whatever it contains.

use std::ops::Range;

use crate::slices::Slices;
use crate::{Dimensions, MOST_PARTS, MOST_SIDE_BYTES, RenditionError};

/// Before the first chunk.
const SIGNATURE: usize = 8;
/// Around a chunk's data: length and type before, a checksum behind.
const HEAD: usize = 8;
const CHECKSUM: usize = 4;
/// Deflate makes at most 258 bytes from two bits.
const MOST_INFLATION: u64 = 258 * 4;
/// Deflate never needs much more than the bytes themselves; careless encoders may.
const MOST_WASTE: u64 = 4;
const SOME_WASTE: u64 = 1 << 20;

/// What is known of a file's chunks without inflating them.
pub(crate) struct Chunks {
    pub(crate) size: Dimensions,
    /// Bits of a sample: 1, 2, 4, 8 or 16.
    pub(crate) depth: u8,
    pub(crate) colour: Colour,
    pub(crate) is_interlaced: bool,
    /// Whether some colours are transparent (`tRNS`).
    pub(crate) has_key: bool,
    /// The compressed ICC profile, if there is one within the size limit.
    pub(crate) profile: Option<Range<usize>>,
    /// The EXIF block, the same way.
    pub(crate) exif: Option<Range<usize>>,
    /// Critical chunks and `tRNS`: everything that determines pixels.
    essential: Vec<Range<usize>>,
    /// The ranges of the compressed pixels, and their total length.
    image_data: Vec<Range<usize>>,
    pub(super) image_bytes: u64,
}

/// The samples of a pixel.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Colour {
    Grey,
    Rgb,
    Palette,
    GreyAlpha,
    Rgba,
}

impl Colour {
    fn samples(self) -> u64 {
        match self {
            Self::Grey | Self::Palette => 1,
            Self::GreyAlpha => 2,
            Self::Rgb => 3,
            Self::Rgba => 4,
        }
    }
}

impl Chunks {
    /// Walks over a file's chunks.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, RenditionError> {
        let mut chunks = Self::of_header(bytes)?;
        let mut place = SIGNATURE;
        let mut count = 0;
        // A file that ends within a chunk fails when that chunk is decoded.
        while let Some(chunk) = Chunk::at(bytes, place) {
            count += 1;
            if count > MOST_PARTS {
                return Err(RenditionError::TooManyParts);
            }
            chunks.note(&chunk);
            if chunk.kind == *b"IEND" {
                break;
            }
            place = chunk.end;
        }
        Ok(chunks)
    }

    /// The header, which is the first chunk (section 11.2.1).
    fn of_header(bytes: &[u8]) -> Result<Self, RenditionError> {
        let damaged = |what: &str| RenditionError::Damaged(what.to_owned());
        let header = Chunk::at(bytes, SIGNATURE).ok_or(RenditionError::Truncated)?;
        if header.kind != *b"IHDR" {
            return Err(damaged("it does not begin with a header"));
        }
        let Some(
            &[
                w0,
                w1,
                w2,
                w3,
                h0,
                h1,
                h2,
                h3,
                depth,
                colour,
                _,
                _,
                interlace,
            ],
        ) = bytes.get(header.data)
        else {
            return Err(RenditionError::Truncated);
        };
        let size = Dimensions {
            width: u32::from_be_bytes([w0, w1, w2, w3]),
            height: u32::from_be_bytes([h0, h1, h2, h3]),
        };
        if size.width == 0 || size.height == 0 {
            return Err(damaged("a side of zero pixels"));
        }
        let colour = match (colour, depth) {
            (0, 1 | 2 | 4 | 8 | 16) => Colour::Grey,
            (2, 8 | 16) => Colour::Rgb,
            (3, 1 | 2 | 4 | 8) => Colour::Palette,
            (4, 8 | 16) => Colour::GreyAlpha,
            (6, 8 | 16) => Colour::Rgba,
            _ => return Err(damaged("an unknown kind of pixels")),
        };
        Ok(Self {
            size,
            depth,
            colour,
            is_interlaced: interlace != 0,
            has_key: false,
            profile: None,
            exif: None,
            essential: Vec::new(),
            image_data: Vec::new(),
            image_bytes: 0,
        })
    }

    fn note(&mut self, chunk: &Chunk) {
        // Blocks larger than any honest profile or EXIF block are skipped.
        let side = Some(chunk.data.clone()).filter(|data| data.len() <= MOST_SIDE_BYTES);
        let is_before_pixels = self.image_bytes == 0;
        match &chunk.kind {
            b"IDAT" => {
                self.image_bytes += chunk.data.len() as u64;
                self.image_data.push(chunk.data.clone());
            }
            b"tRNS" => self.has_key = true,
            b"iCCP" if self.profile.is_none() && is_before_pixels => self.profile = side,
            b"eXIf" if self.exif.is_none() && is_before_pixels => self.exif = side,
            _ => {}
        }
        // A capital first letter means that no decoder may skip this chunk (section 5.4).
        if chunk.kind[0].is_ascii_uppercase() || chunk.kind == *b"tRNS" {
            match self.essential.last_mut() {
                Some(last) if last.end == chunk.start => last.end = chunk.end,
                _ => self.essential.push(chunk.start..chunk.end),
            }
        }
    }

    /// Whether the compressed pixels can contain as many as the header says, and do not contain
    /// many times more, which would be inflated for nothing.
    pub(crate) fn check_plausible(&self) -> Result<(), RenditionError> {
        let needed = self.filtered_bytes();
        if self.image_bytes.saturating_mul(MOST_INFLATION) < needed {
            return Err(RenditionError::Truncated);
        }
        if self.image_bytes > needed.saturating_mul(MOST_WASTE) + SOME_WASTE {
            return Err(RenditionError::Damaged(
                "it has many times more data than pixels".to_owned(),
            ));
        }
        Ok(())
    }

    /// Bytes of all rows before compression (section 7): each begins with a filter's number.
    pub(super) fn filtered_bytes(&self) -> u64 {
        let rows = |width: u32, height: u32| match width {
            0 => 0,
            width => u64::from(height) * self.row_bytes_of(width),
        };
        let Dimensions { width, height } = self.size;
        if !self.is_interlaced {
            return rows(width, height);
        }
        // First column and row, and the steps between them, of each pass (section 8.2).
        let passes = [
            (0, 0, 8, 8),
            (4, 0, 8, 8),
            (0, 4, 4, 8),
            (2, 0, 4, 4),
            (0, 2, 2, 4),
            (1, 0, 2, 2),
            (0, 1, 1, 2),
        ];
        let count = |side: u32, first: u32, step: u32| side.saturating_sub(first).div_ceil(step);
        let pass = |(x, y, across, down)| rows(count(width, x, across), count(height, y, down));
        passes.into_iter().map(pass).sum()
    }

    /// Bytes of the longest row before compression.
    pub(crate) fn row_bytes(&self) -> u64 {
        self.row_bytes_of(self.size.width)
    }

    fn row_bytes_of(&self, width: u32) -> u64 {
        let bits = self.colour.samples() * u64::from(self.depth);
        (u64::from(width) * bits).div_ceil(8) + 1
    }

    /// Whether pixels may be transparent.
    pub(crate) fn has_alpha(&self) -> bool {
        self.has_key || matches!(self.colour, Colour::GreyAlpha | Colour::Rgba)
    }

    /// Bytes of the lists of parts, and of the lists made from them.
    pub(crate) fn list_bytes(&self) -> u64 {
        (self.essential.capacity() + self.image_data.capacity()) as u64
            * (size_of::<Range<usize>>() + 2 * size_of::<&[u8]>()) as u64
    }

    /// The compressed pixels.
    pub(super) fn image_data<'a>(&self, bytes: &'a [u8]) -> Vec<&'a [u8]> {
        let parts = self.image_data.iter().cloned();
        parts.filter_map(|part| bytes.get(part)).collect()
    }

    /// The file without the chunks that do not affect pixels.
    pub(crate) fn essential<'a>(&self, bytes: &'a [u8]) -> Slices<'a> {
        let parts = std::iter::once(0..SIGNATURE).chain(self.essential.iter().cloned());
        Slices::new(parts.filter_map(|part| bytes.get(part)).collect())
    }
}

struct Chunk {
    kind: [u8; 4],
    /// The data without head and checksum.
    data: Range<usize>,
    start: usize,
    /// The position of the next chunk.
    end: usize,
}

impl Chunk {
    /// The chunk at a position; a truncated one ends with the file.
    fn at(bytes: &[u8], start: usize) -> Option<Self> {
        let head = bytes.get(start..start + HEAD)?;
        let (&length, kind) = head.split_first_chunk::<4>()?;
        let data = start + HEAD;
        let length = u32::from_be_bytes(length) as usize;
        Some(Self {
            kind: kind.try_into().ok()?,
            data: data..data.saturating_add(length).min(bytes.len()),
            start,
            end: data
                .saturating_add(length)
                .saturating_add(CHECKSUM)
                .min(bytes.len()),
        })
    }
}
