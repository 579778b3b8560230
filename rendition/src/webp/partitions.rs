//! The head of a lossy WebP picture, as far as it defines the partitions (RFC 6386, section 9.2 to
//! 9.5): the decoder allocates memory for each before it knows whether it exists.

use crate::RenditionError;

/// Tag, start code and sides, before the first partition.
const HEAD: usize = 10;

/// Refuses a picture whose partitions are longer than the data; `first` is the length of the first
/// one.
pub(super) fn check(data: &[u8], first: usize) -> Result<(), RenditionError> {
    let (modes, rest) = data
        .get(HEAD..)
        .and_then(|data| data.split_at_checked(first))
        .ok_or(RenditionError::Truncated)?;
    // The sizes of all but the last precede them, three bytes each.
    let sizes = (1 << log_of_count(modes)) - 1;
    let (sizes, mut rest) = rest
        .split_at_checked(sizes * 3)
        .ok_or(RenditionError::Truncated)?;
    for size in sizes.as_chunks::<3>().0 {
        let size = u32::from_le_bytes([size[0], size[1], size[2], 0]) as usize;
        rest = rest.get(size..).ok_or(RenditionError::Truncated)?;
    }
    Ok(())
}

/// The number of coefficient partitions, as a power of two (section 19.2).
fn log_of_count(modes: &[u8]) -> u32 {
    let mut bits = BoolDecoder::new(modes);
    // Colour space and clamping.
    bits.literal(2);
    // Segments: their map, and their data, in which each value has a sign.
    if bits.literal(1) != 0 {
        let (has_map, has_data) = (bits.literal(1) != 0, bits.literal(1) != 0);
        if has_data {
            bits.literal(1);
            bits.optional(4, 7 + 1);
            bits.optional(4, 6 + 1);
        }
        if has_map {
            bits.optional(3, 8);
        }
    }
    // The loop filter: type, level, sharpness, adjustments.
    bits.literal(1 + 6 + 3);
    if bits.literal(1) != 0 && bits.literal(1) != 0 {
        bits.optional(8, 6 + 1);
    }
    bits.literal(2)
}

/// The boolean decoder of section 7.3, for even chances. Past the end it reads zeros.
struct BoolDecoder<'a> {
    bytes: std::slice::Iter<'a, u8>,
    /// Two bytes, of which the upper one is compared.
    value: u32,
    range: u32,
    shifted: u32,
}

impl<'a> BoolDecoder<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        let mut bytes = bytes.iter();
        let mut next = || u32::from(bytes.next().copied().unwrap_or(0));
        Self {
            value: next() << 8 | next(),
            bytes,
            range: 255,
            shifted: 0,
        }
    }

    fn bit(&mut self) -> u32 {
        let split = 1 + (((self.range - 1) * 128) >> 8);
        let bit = u32::from(self.value >= split << 8);
        if bit == 1 {
            self.range -= split;
            self.value -= split << 8;
        } else {
            self.range = split;
        }
        while self.range < 128 {
            self.range <<= 1;
            self.value <<= 1;
            self.shifted += 1;
            if self.shifted == 8 {
                self.shifted = 0;
                self.value |= u32::from(self.bytes.next().copied().unwrap_or(0));
            }
        }
        bit
    }

    fn literal(&mut self, bits: u32) -> u32 {
        (0..bits).fold(0, |value, _| value << 1 | self.bit())
    }

    /// Values, each preceded by a flag that says whether it is present.
    fn optional(&mut self, count: u32, bits: u32) {
        for _ in 0..count {
            if self.literal(1) != 0 {
                self.literal(bits);
            }
        }
    }
}
