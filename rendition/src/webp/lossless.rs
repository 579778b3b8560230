//! Lossless WebP pictures (RFC 9649, section 3), decoded row by row: since nothing is copied from
//! farther back than a million pixels, no more of them are kept.
//!
//! Own code because the available decoder keeps the whole picture twice, and lets a hostile file of
//! two megabytes make it allocate more than a gigabyte for prefix codes.

use super::codes::CodeReader;
use super::transform::Transform;
use crate::RenditionError;
use crate::bits::Bits;
use crate::prefix::Code;

/// The memory limit of one picture's prefix codes; those of `cwebp`, at its best, take half of it.
pub(crate) const MOST_CODE_BYTES: usize = 16 << 20;
/// The most groups of codes. `cwebp` makes 2,600 at most, and each takes some microseconds.
const MOST_GROUPS: usize = 8_192;
/// Pixels that may be copied from: 2^20 less 120 (section 3.6.2.2).
const REACH: usize = 1 << 20;
/// The most pixels that are written at once: a row, which is longer than the longest copy.
const LONGEST_STEP: usize = 1 << 14;
/// The number of pixels in memory; once this is full, the last [`REACH`] of them move to its front.
pub(crate) const WINDOW: usize = 2 * REACH;
/// A side in the header of a picture has this many bits.
const SIDE_BITS: u32 = 14;

/// Decodes a picture of a known size and passes on its rows, from top to bottom, as words of alpha,
/// red, green and blue. The alpha plane of a lossy picture has no header of its own.
pub(super) fn decode(
    bytes: &[u8],
    (width, height): (usize, usize),
    has_header: bool,
    mut row_done: impl FnMut(&[u32]) -> Result<(), RenditionError>,
) -> Result<(), RenditionError> {
    let mut reader = Reader {
        bits: Bits::new(bytes),
        codes: CodeReader::new(),
        code_bytes: 0,
    };
    if has_header {
        // The signature, both sides, whether alpha is used, and the version were checked before.
        reader.bits.take(8);
        reader.bits.take(2 * SIDE_BITS);
        reader.bits.take(4);
    }
    let (mut transforms, coded_width) = reader.transforms(width, height)?;
    let codes = reader.codes(coded_width, height, true)?;
    let mut row = Vec::with_capacity(width.max(coded_width));
    reader.pixels(coded_width, height, WINDOW, &codes, |y, coded| {
        row.clear();
        row.extend_from_slice(coded);
        for transform in transforms.iter_mut().rev() {
            transform.undo(y, &mut row);
        }
        row_done(&row)
    })?;
    Ok(())
}

struct Reader<'a> {
    bits: Bits<'a>,
    codes: CodeReader,
    /// Memory of the codes so far.
    code_bytes: usize,
}

/// Codes for the green channel with lengths and the cache, for red, blue, alpha and distances.
struct Group([Code; 5]);

/// How the pixels of a picture are coded.
struct Codes {
    /// The colour cache's size as a power of two.
    cache_bits: Option<u32>,
    groups: Vec<Group>,
    /// Which group each block of the picture uses; empty if there is only one.
    blocks: Vec<u16>,
    /// Side of a block, as a power of two.
    block_bits: u32,
    blocks_wide: usize,
}

impl Reader<'_> {
    /// The transforms, in the order in which they were applied, and the coded width.
    fn transforms(
        &mut self,
        width: usize,
        height: usize,
    ) -> Result<(Vec<Transform>, usize), RenditionError> {
        let mut coded_width = width;
        let mut transforms = Vec::new();
        let mut seen = [false; 4];
        while self.bits.flag() {
            let kind = self.bits.take(2) as usize;
            if std::mem::replace(&mut seen[kind], true) {
                return Err(damaged("a transform that comes twice"));
            }
            transforms.push(match kind {
                0 => {
                    let (bits, across, blocks) = self.blocks(coded_width, height)?;
                    Transform::Predictor {
                        bits,
                        modes: blocks.iter().map(|block| (block >> 8) as u8).collect(),
                        across,
                        above: Vec::new(),
                    }
                }
                1 => {
                    let (bits, across, factors) = self.blocks(coded_width, height)?;
                    Transform::Colour {
                        bits,
                        factors,
                        across,
                    }
                }
                2 => Transform::SubtractGreen,
                _ => {
                    let (colours, packing) = self.palette()?;
                    coded_width = coded_width.div_ceil(1 << packing);
                    Transform::Palette {
                        colours,
                        packing,
                        width,
                    }
                }
            });
        }
        Ok((transforms, coded_width))
    }

    /// A picture with one pixel for each block of another picture.
    fn blocks(
        &mut self,
        width: usize,
        height: usize,
    ) -> Result<(u32, usize, Vec<u32>), RenditionError> {
        let bits = 2 + self.bits.take(3);
        let across = width.div_ceil(1 << bits);
        let blocks = self.inner_picture(across, height.div_ceil(1 << bits))?;
        Ok((bits, across, blocks))
    }

    /// Colours, each coded as a difference to the previous one, and how many pixels are packed into
    /// one.
    fn palette(&mut self) -> Result<(Vec<u32>, u32), RenditionError> {
        let count = 1 + self.bits.take(8) as usize;
        let mut colours = self.inner_picture(count, 1)?;
        let mut last = [0_u8; 4];
        for colour in &mut colours {
            let difference = colour.to_le_bytes();
            last = std::array::from_fn(|byte| last[byte].wrapping_add(difference[byte]));
            *colour = u32::from_le_bytes(last);
        }
        let packing = match count {
            0..=2 => 3,
            3..=4 => 2,
            5..=16 => 1,
            _ => 0,
        };
        Ok((colours, packing))
    }

    /// A picture within the picture: it has one group of codes, and is needed whole.
    fn inner_picture(&mut self, width: usize, height: usize) -> Result<Vec<u32>, RenditionError> {
        let codes = self.codes(width, height, false)?;
        self.pixels(width, height, usize::MAX, &codes, |_, _| Ok(()))
    }

    /// Section 3.7.
    fn codes(
        &mut self,
        width: usize,
        height: usize,
        is_outer: bool,
    ) -> Result<Codes, RenditionError> {
        let cache_bits = self.bits.flag().then(|| self.bits.take(4));
        if cache_bits.is_some_and(|bits| !(1..=11).contains(&bits)) {
            return Err(damaged("a colour cache of an impossible size"));
        }
        let mut codes = Codes {
            cache_bits,
            groups: Vec::new(),
            blocks: Vec::new(),
            block_bits: 0,
            blocks_wide: 0,
        };
        if is_outer && self.bits.flag() {
            let (bits, across, blocks) = self.blocks(width, height)?;
            codes.block_bits = bits;
            codes.blocks_wide = across;
            codes.blocks = blocks.iter().map(|block| (block >> 8) as u16).collect();
        }
        let count = usize::from(codes.blocks.iter().copied().max().unwrap_or(0)) + 1;
        if count > MOST_GROUPS {
            return Err(too_many_codes());
        }
        self.take_code_bytes(count * size_of::<Group>())?;
        codes.groups.reserve_exact(count);
        for _ in 0..count {
            let group = self.group(cache_bits)?;
            self.take_code_bytes(group.0.iter().map(Code::heap_bytes).sum())?;
            codes.groups.push(group);
        }
        Ok(codes)
    }

    fn group(&mut self, cache_bits: Option<u32>) -> Result<Group, RenditionError> {
        let cached = cache_bits.map_or(0, |bits| 1 << bits);
        let mut read = |alphabet| self.codes.read(&mut self.bits, alphabet);
        let group = Group([
            read(256 + 24 + cached)?,
            read(256)?,
            read(256)?,
            read(256)?,
            read(40)?,
        ]);
        if self.bits.is_overrun() {
            return Err(RenditionError::Truncated);
        }
        Ok(group)
    }

    fn take_code_bytes(&mut self, bytes: usize) -> Result<(), RenditionError> {
        self.code_bytes += bytes;
        if self.code_bytes > MOST_CODE_BYTES {
            return Err(too_many_codes());
        }
        Ok(())
    }

    /// Decodes pixels (section 3.6), passes on each complete row, and returns the rest of them in a
    /// window of this size.
    fn pixels(
        &mut self,
        width: usize,
        height: usize,
        window: usize,
        codes: &Codes,
        mut row_done: impl FnMut(usize, &[u32]) -> Result<(), RenditionError>,
    ) -> Result<Vec<u32>, RenditionError> {
        let total = width * height;
        let mut pixels = vec![0_u32; total.min(window)];
        let mut cache = Cache::new(codes.cache_bits);
        // The start of the window, counted in pixels of the picture; `at` is counted within it.
        let (mut begin, mut at) = (0, 0);
        let (mut row_start, mut y) = (0, 0);
        let mut block_end = 0_usize;
        let mut group = &codes.groups[0];
        while begin + at < total {
            if at + LONGEST_STEP > pixels.len() && begin + pixels.len() < total {
                let move_by = at - REACH;
                pixels.copy_within(move_by..at, 0);
                begin += move_by;
                at -= move_by;
                row_start -= move_by;
                block_end = block_end.saturating_sub(move_by);
            }
            if at >= block_end {
                let x = at - row_start;
                let rest = width - x;
                let in_block = match codes.block_bits {
                    0 => rest,
                    bits => ((1 << bits) - (x & ((1 << bits) - 1))).min(rest),
                };
                block_end = at + in_block;
                group = codes.group_at(x, y);
                if let Some(colour) = group.flat_colour() {
                    pixels[at..block_end].fill(colour);
                    cache.insert(colour);
                    at = block_end;
                }
            }
            if at < block_end {
                self.bits.ensure(REFILL);
                match group.0[0].next(&mut self.bits) {
                    green @ 0..256 => {
                        let colour = self.literal(group, green);
                        pixels[at] = colour;
                        cache.insert(colour);
                        at += 1;
                    }
                    symbol @ 256..280 => {
                        let length = self.extended(symbol - 256);
                        self.bits.ensure(REFILL);
                        let distance = group.0[4].next(&mut self.bits);
                        let distance = distance_in(self.extended(distance), width);
                        if distance > at || length > total - begin - at {
                            return Err(damaged("a copy from outside of the picture"));
                        }
                        copy(&mut pixels, at, distance, length);
                        cache.insert_all(&pixels[at..at + length]);
                        at += length;
                    }
                    symbol => {
                        let colour = cache.get(symbol as usize - 280);
                        pixels[at] = colour.ok_or_else(|| damaged("no such cached colour"))?;
                        at += 1;
                    }
                }
            }
            while at >= row_start + width {
                if self.bits.is_overrun() {
                    return Err(RenditionError::Truncated);
                }
                row_done(y, &pixels[row_start..row_start + width])?;
                row_start += width;
                y += 1;
            }
        }
        Ok(pixels)
    }

    #[inline(always)]
    fn literal(&mut self, group: &Group, green: u32) -> u32 {
        let [_, red, blue, alpha, _] = &group.0;
        let red = red.next(&mut self.bits);
        let blue = blue.next(&mut self.bits);
        // At most 45 bits were taken since the last refill.
        self.bits.ensure(15);
        let alpha = alpha.next(&mut self.bits);
        alpha << 24 | red << 16 | green << 8 | blue
    }

    /// A length or a distance: a prefix and extra bits (section 3.6.2.1).
    #[inline(always)]
    fn extended(&mut self, prefix: u32) -> usize {
        if prefix < 4 {
            return prefix as usize + 1;
        }
        let extra = (prefix - 2) >> 1;
        let offset = (2 + (prefix & 1)) << extra;
        (offset + self.bits.take(extra)) as usize + 1
    }
}

/// Enough for three codes of 15 bits.
const REFILL: u32 = 45;

impl Codes {
    fn group_at(&self, x: usize, y: usize) -> &Group {
        let block = (y >> self.block_bits) * self.blocks_wide + (x >> self.block_bits);
        let number = self.blocks.get(block).copied().unwrap_or(0);
        &self.groups[usize::from(number)]
    }
}

impl Group {
    /// The colour of all its pixels, if none of them takes a bit.
    fn flat_colour(&self) -> Option<u32> {
        let [green, red, blue, alpha, _] = &self.0;
        let green = green.only().filter(|green| *green < 256)?;
        Some(alpha.only()? << 24 | red.only()? << 16 | green << 8 | blue.only()?)
    }
}

/// The last colour of each hash (section 3.6.2.3).
struct Cache {
    colours: Vec<u32>,
    shift: u32,
}

impl Cache {
    fn new(bits: Option<u32>) -> Self {
        Self {
            colours: vec![0; bits.map_or(0, |bits| 1 << bits)],
            shift: 32 - bits.unwrap_or(1),
        }
    }

    #[inline(always)]
    fn insert(&mut self, colour: u32) {
        let hash = 0x1E35_A7BD_u32.wrapping_mul(colour) >> self.shift;
        if let Some(slot) = self.colours.get_mut(hash as usize) {
            *slot = colour;
        }
    }

    fn insert_all(&mut self, colours: &[u32]) {
        if !self.colours.is_empty() {
            colours.iter().for_each(|&colour| self.insert(colour));
        }
    }

    #[inline(always)]
    fn get(&self, place: usize) -> Option<u32> {
        self.colours.get(place).copied()
    }
}

/// Small distances stand for neighbouring positions (section 3.6.2.2); the nearest come first.
fn distance_in(code: usize, width: usize) -> usize {
    let Some(&(across, up)) = code.checked_sub(1).and_then(|place| NEAR.get(place)) else {
        return code - NEAR.len();
    };
    (up as usize * width)
        .saturating_add_signed(across.into())
        .max(1)
}

/// Copies pixels that may overlap themselves.
#[inline(always)]
fn copy(pixels: &mut [u32], at: usize, distance: usize, length: usize) {
    if distance >= length {
        pixels.copy_within(at - distance..at - distance + length, at);
    } else if distance == 1 {
        let colour = pixels[at - 1];
        pixels[at..at + length].fill(colour);
    } else {
        for place in at..at + length {
            pixels[place] = pixels[place - distance];
        }
    }
}

fn too_many_codes() -> RenditionError {
    RenditionError::Unsupported(
        "a lossless WebP with more prefix codes than any encoder makes".to_owned(),
    )
}

fn damaged(what: &str) -> RenditionError {
    RenditionError::Damaged(what.to_owned())
}

/// To the left, and up.
#[rustfmt::skip]
const NEAR: [(i8, u8); 120] = [
    (0, 1),  (1, 0),  (1, 1),  (-1, 1), (0, 2),  (2, 0),  (1, 2),  (-1, 2),
    (2, 1),  (-2, 1), (2, 2),  (-2, 2), (0, 3),  (3, 0),  (1, 3),  (-1, 3),
    (3, 1),  (-3, 1), (2, 3),  (-2, 3), (3, 2),  (-3, 2), (0, 4),  (4, 0),
    (1, 4),  (-1, 4), (4, 1),  (-4, 1), (3, 3),  (-3, 3), (2, 4),  (-2, 4),
    (4, 2),  (-4, 2), (0, 5),  (3, 4),  (-3, 4), (4, 3),  (-4, 3), (5, 0),
    (1, 5),  (-1, 5), (5, 1),  (-5, 1), (2, 5),  (-2, 5), (5, 2),  (-5, 2),
    (4, 4),  (-4, 4), (3, 5),  (-3, 5), (5, 3),  (-5, 3), (0, 6),  (6, 0),
    (1, 6),  (-1, 6), (6, 1),  (-6, 1), (2, 6),  (-2, 6), (6, 2),  (-6, 2),
    (4, 5),  (-4, 5), (5, 4),  (-5, 4), (3, 6),  (-3, 6), (6, 3),  (-6, 3),
    (0, 7),  (7, 0),  (1, 7),  (-1, 7), (5, 5),  (-5, 5), (7, 1),  (-7, 1),
    (4, 6),  (-4, 6), (6, 4),  (-6, 4), (2, 7),  (-2, 7), (7, 2),  (-7, 2),
    (3, 7),  (-3, 7), (7, 3),  (-7, 3), (5, 6),  (-5, 6), (6, 5),  (-6, 5),
    (8, 0),  (4, 7),  (-4, 7), (7, 4),  (-7, 4), (8, 1),  (8, 2),  (6, 6),
    (-6, 6), (8, 3),  (5, 7),  (-5, 7), (7, 5),  (-7, 5), (8, 4),  (6, 7),
    (-6, 7), (7, 6),  (-7, 6), (8, 5),  (7, 7),  (-7, 7), (8, 6),  (8, 7),
];
