//! The prefix codes of a lossless WebP picture (RFC 9649, section 3.7.2.1).

use crate::RenditionError;
use crate::bits::Bits;
use crate::prefix::{Code, Repeat, corrupt, read_lengths};

/// Small, because there may be many codes.
const LOOKUP_BITS: u32 = 8;
/// The largest alphabet: literals, lengths, and the largest colour cache.
const MOST_SYMBOLS: usize = 256 + 24 + (1 << 11);
/// The order of the lengths of the code for code lengths.
const ORDER: [u8; 19] = [
    17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
];

/// Reads codes, one after the other.
pub(super) struct CodeReader {
    /// Code lengths, collected here so that memory is allocated once.
    lengths: [u8; MOST_SYMBOLS],
}

impl CodeReader {
    pub(super) fn new() -> Self {
        Self {
            lengths: [0; MOST_SYMBOLS],
        }
    }

    /// Reads a code for an alphabet.
    pub(super) fn read(
        &mut self,
        bits: &mut Bits<'_>,
        alphabet: usize,
    ) -> Result<Code, RenditionError> {
        let lengths = self.lengths.get_mut(..alphabet).ok_or_else(corrupt)?;
        lengths.fill(0);
        if bits.flag() {
            let has_two = bits.flag();
            let first = if bits.flag() { 8 } else { 1 };
            let mut mark = |symbol: u32| {
                let length = lengths.get_mut(symbol as usize);
                length.map(|length| *length = 1).ok_or_else(corrupt)
            };
            mark(bits.take(first))?;
            if has_two {
                mark(bits.take(8))?;
            }
            return Code::new(lengths, LOOKUP_BITS);
        }
        let mut own = [0; ORDER.len()];
        let count = 4 + bits.take(4) as usize;
        for &place in ORDER.get(..count).ok_or_else(corrupt)? {
            own[usize::from(place)] = bits.take(3) as u8;
        }
        let code = Code::new(&own, LOOKUP_BITS)?;
        let mut symbols = lengths.len();
        if bits.flag() {
            let size = 2 + 2 * bits.take(3);
            symbols = 2 + bits.take(size) as usize;
            if symbols > lengths.len() {
                return Err(corrupt());
            }
        }
        read_lengths(bits, &code, Repeat::NotZero, symbols, lengths)?;
        Code::new(lengths, LOOKUP_BITS)
    }
}
