//! The chunks of a WebP file (RFC 9649, section 2): where they are, and how large the picture in
//! them is. Nothing is decoded here, so that inspecting a file costs hardly anything.
//!
//! For an animation, this is the first frame.

use std::ops::Range;

use super::partitions;
use crate::{Dimensions, MOST_PARTS, MOST_SIDE_BYTES, RenditionError};

/// `RIFF`, its size, `WEBP`.
const FILE_HEAD: usize = 12;
/// A chunk's name and size.
const HEAD: usize = 8;
/// Position, size and duration of a frame, before its own chunks (section 2.7.1.1).
const FRAME_HEAD: usize = 16;
/// A macroblock of a lossy picture has 16 x 16 pixels, and its prediction modes alone cost more
/// bits than this, whatever the probabilities (RFC 6386, section 8.1 and 11.2).
const FEWEST_BITS: u64 = 2;

/// The information in a file's chunks.
pub(crate) struct Container {
    /// The canvas.
    pub(crate) size: Dimensions,
    /// Whether the file declares transparency.
    pub(crate) has_alpha: bool,
    /// The picture on the canvas.
    pub(crate) frame: Frame,
    pub(crate) profile: Option<Range<usize>>,
    pub(crate) exif: Option<Range<usize>>,
}

/// A picture and its position on the canvas.
pub(crate) struct Frame {
    pub(crate) left: u32,
    pub(crate) top: u32,
    pub(crate) size: Dimensions,
    pub(crate) coding: Coding,
    /// Bytes of a lossy picture's first partition, which holds the modes of its macroblocks.
    modes: u32,
    /// The range of its bytes, without the chunk's head.
    pub(crate) data: Range<usize>,
    /// The range of a lossy picture's alpha plane.
    pub(crate) alpha: Option<Range<usize>>,
}

/// How a picture is coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    /// `VP8 `, RFC 6386.
    Lossy,
    /// `VP8L`, RFC 9649, section 3.
    Lossless,
}

impl Container {
    /// Walks over a file's chunks.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, RenditionError> {
        let mut chunks = Chunks::new(bytes, FILE_HEAD..bytes.len());
        let first = chunks.next()?.ok_or(RenditionError::Truncated)?;
        if first.name != *b"VP8X" {
            let frame = Frame::of_chunks(bytes, Some(&first), None)?;
            let has_alpha = match frame.coding {
                Coding::Lossy => false,
                Coding::Lossless => bits(bytes, &frame.data, 1)? >> 28 & 1 != 0,
            };
            return Ok(Self {
                size: frame.size,
                has_alpha,
                frame,
                profile: None,
                exif: None,
            });
        }
        let extended = bytes.get(first.data).unwrap_or_default();
        let &[flags, _, _, _, w0, w1, w2, h0, h1, h2, ..] = extended else {
            return Err(RenditionError::Truncated);
        };
        let size = Dimensions {
            width: u32::from_le_bytes([w0, w1, w2, 0]) + 1,
            height: u32::from_le_bytes([h0, h1, h2, 0]) + 1,
        };
        let found = Found::walk(&mut chunks)?;
        let frame = if flags & 0x02 != 0 {
            let whole = found.frame.ok_or_else(|| damaged("it has no frame"))?;
            Frame::of_animation(bytes, whole)?
        } else {
            Frame::of_chunks(bytes, found.image.as_ref(), found.alpha)?
        };
        let fits = |start: u32, side: u32, canvas: u32| start.saturating_add(side) <= canvas;
        let is_inside = fits(frame.left, frame.size.width, size.width)
            && fits(frame.top, frame.size.height, size.height);
        if !is_inside || (flags & 0x02 == 0 && frame.size != size) {
            return Err(damaged("its picture does not fit its canvas"));
        }
        Ok(Self {
            size,
            has_alpha: flags & 0x10 != 0,
            frame,
            profile: found.profile,
            exif: found.exif,
        })
    }
}

/// The first chunk of each kind that matters.
#[derive(Default)]
struct Found {
    image: Option<Chunk>,
    alpha: Option<Range<usize>>,
    frame: Option<Range<usize>>,
    profile: Option<Range<usize>>,
    exif: Option<Range<usize>>,
}

impl Found {
    fn walk(chunks: &mut Chunks<'_>) -> Result<Self, RenditionError> {
        let mut found = Self::default();
        let (mut has_profile, mut has_exif) = (false, false);
        while let Some(chunk) = chunks.next()? {
            // Blocks larger than any honest profile or EXIF block are skipped.
            let side = Some(chunk.data.clone()).filter(|data| data.len() <= MOST_SIDE_BYTES);
            match &chunk.name {
                b"VP8 " | b"VP8L" if found.image.is_none() => found.image = Some(chunk),
                b"ALPH" if found.alpha.is_none() => found.alpha = Some(chunk.data),
                b"ANMF" if found.frame.is_none() => found.frame = Some(chunk.data),
                b"ICCP" if !std::mem::replace(&mut has_profile, true) => found.profile = side,
                b"EXIF" if !std::mem::replace(&mut has_exif, true) => found.exif = side,
                _ => {}
            }
        }
        Ok(found)
    }
}

impl Frame {
    /// Whether the file is long enough for the modes of all macroblocks. A lossless picture of one
    /// colour needs no bits for its pixels.
    pub(crate) fn check_plausible(&self) -> Result<(), RenditionError> {
        let Dimensions { width, height } = self.size;
        let blocks = u64::from(width.div_ceil(16)) * u64::from(height.div_ceil(16));
        if self.coding == Coding::Lossy && u64::from(self.modes) * 8 < blocks * FEWEST_BITS {
            return Err(RenditionError::Truncated);
        }
        Ok(())
    }

    fn of_animation(bytes: &[u8], whole: Range<usize>) -> Result<Self, RenditionError> {
        let head = bytes.get(whole.clone()).unwrap_or_default();
        let Some(&[x0, x1, x2, y0, y1, y2, ..]) = head.first_chunk::<FRAME_HEAD>() else {
            return Err(RenditionError::Truncated);
        };
        let mut chunks = Chunks::new(bytes, whole.start + FRAME_HEAD..whole.end);
        let mut found = Found::default();
        while found.image.is_none()
            && let Some(chunk) = chunks.next()?
        {
            match &chunk.name {
                b"VP8 " | b"VP8L" => found.image = Some(chunk),
                b"ALPH" => found.alpha = Some(chunk.data),
                _ => {}
            }
        }
        let mut frame = Self::of_chunks(bytes, found.image.as_ref(), found.alpha)?;
        frame.left = u32::from_le_bytes([x0, x1, x2, 0]) * 2;
        frame.top = u32::from_le_bytes([y0, y1, y2, 0]) * 2;
        Ok(frame)
    }

    /// The picture of an image chunk, whose own header contains its size.
    fn of_chunks(
        bytes: &[u8],
        image: Option<&Chunk>,
        alpha: Option<Range<usize>>,
    ) -> Result<Self, RenditionError> {
        let image = image.ok_or_else(|| damaged("it has no picture"))?;
        let (coding, (size, modes)) = match &image.name {
            b"VP8L" => (Coding::Lossless, (lossless_size(bytes, &image.data)?, 0)),
            b"VP8 " => (Coding::Lossy, lossy_size(bytes, &image.data)?),
            _ => return Err(damaged("it has no picture")),
        };
        Ok(Self {
            left: 0,
            top: 0,
            size,
            coding,
            modes,
            data: image.data.clone(),
            alpha: alpha.filter(|_| coding == Coding::Lossy),
        })
    }
}

/// RFC 9649, section 3.4: a signature, two sides minus one, the alpha flag, the version.
fn lossless_size(bytes: &[u8], data: &Range<usize>) -> Result<Dimensions, RenditionError> {
    let head = bits(bytes, data, 1)?;
    if bytes.get(data.start) != Some(&0x2F) || head >> 29 != 0 {
        return Err(damaged("an unknown kind of lossless picture"));
    }
    Ok(Dimensions {
        width: (head & 0x3FFF) + 1,
        height: (head >> 14 & 0x3FFF) + 1,
    })
}

/// RFC 6386, section 9.1: a tag with the size of the first partition, a start code, two sides.
fn lossy_size(bytes: &[u8], data: &Range<usize>) -> Result<(Dimensions, u32), RenditionError> {
    let tag = bits(bytes, data, 0)? & 0xFF_FFFF;
    let sides = bits(bytes, data, 6)?;
    let size = Dimensions {
        width: sides & 0x3FFF,
        height: sides >> 16 & 0x3FFF,
    };
    let start = bytes.get(data.start + 3..data.start + 6);
    if tag & 1 != 0 || start != Some(&[0x9D, 0x01, 0x2A]) || size.width == 0 || size.height == 0 {
        return Err(damaged("it does not begin with a key frame"));
    }
    let first_partition = tag >> 5;
    let data = bytes.get(data.clone()).unwrap_or_default();
    partitions::check(data, first_partition as usize)?;
    Ok((size, first_partition))
}

/// Four bytes of a range as a little-endian number.
fn bits(bytes: &[u8], data: &Range<usize>, at: usize) -> Result<u32, RenditionError> {
    let data = bytes.get(data.clone()).unwrap_or_default();
    match data.get(at..at + 4) {
        Some(&[a, b, c, d]) => Ok(u32::from_le_bytes([a, b, c, d])),
        _ => Err(RenditionError::Truncated),
    }
}

fn damaged(what: &str) -> RenditionError {
    RenditionError::Damaged(what.to_owned())
}

struct Chunk {
    name: [u8; 4],
    data: Range<usize>,
}

/// A cursor over the chunks in a part of a file.
struct Chunks<'a> {
    bytes: &'a [u8],
    place: usize,
    end: usize,
    count: usize,
}

impl<'a> Chunks<'a> {
    fn new(bytes: &'a [u8], part: Range<usize>) -> Self {
        Self {
            bytes,
            place: part.start,
            end: part.end,
            count: 0,
        }
    }

    /// The next chunk; `None` where no whole head is left. Bytes after the last chunk do no harm.
    fn next(&mut self) -> Result<Option<Chunk>, RenditionError> {
        let left = self.bytes.get(self.place..self.end).unwrap_or_default();
        let Some(&[a, b, c, d, s0, s1, s2, s3]) = left.first_chunk::<HEAD>() else {
            return Ok(None);
        };
        self.count += 1;
        if self.count > MOST_PARTS {
            return Err(RenditionError::TooManyParts);
        }
        let size = u32::from_le_bytes([s0, s1, s2, s3]) as usize;
        let start = self.place + HEAD;
        let end = start.saturating_add(size);
        let name = [a, b, c, d];
        if end > self.end {
            // Only chunks that determine pixels must be whole.
            return match &name {
                b"VP8X" | b"VP8 " | b"VP8L" | b"ALPH" | b"ANMF" => Err(RenditionError::Truncated),
                _ => Ok(None),
            };
        }
        // Sizes are padded to even numbers.
        self.place = end + size % 2;
        Ok(Some(Chunk {
            name,
            data: start..end,
        }))
    }
}
