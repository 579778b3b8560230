//! The fast way over AC coefficients that a small scale does not use: several symbols at a time,
//! ignoring their extra bits. Separate from the Huffman tables because only sequential pictures at
//! small scales need it, where it saves a good part of the time.

use super::JpegError;
use super::bits::BitReader;
use super::huffman::{HuffmanTable, LONGEST_SYMBOL, Symbol};

/// Bits of the index of one look-up.
const LOOKUP_BITS: u32 = 10;
/// The positions of a block.
const PLACES: usize = 64;

/// For each value of the next bits: how far to skip over the whole symbols at their beginning.
pub(super) struct SkipTable(Box<[Step; 1 << LOOKUP_BITS]>);

/// Packed: from the lowest bit, 6 bits of length, 7 of positions skipped, 1 for the end of the
/// block.
#[derive(Clone, Copy)]
struct Step(u16);

impl Step {
    fn length(self) -> u32 {
        u32::from(self.0 & 63)
    }

    fn places(self) -> usize {
        usize::from(self.0 >> 6 & 127)
    }

    fn ends(self) -> bool {
        self.0 >> 13 != 0
    }
}

impl SkipTable {
    pub(super) fn new(table: &HuffmanTable) -> Self {
        let mut codes = vec![(0, 0); 1 << LOOKUP_BITS];
        for (code, length, symbol) in table.codes().filter(|code| code.1 <= LOOKUP_BITS) {
            let rest = LOOKUP_BITS - length;
            codes[(code << rest) as usize..][..1 << rest].fill((length, symbol));
        }
        let mut steps = Box::new([Step(0); 1 << LOOKUP_BITS]);
        for (bits, step) in steps.iter_mut().enumerate() {
            *step = Self::step(&codes, bits);
        }
        Self(steps)
    }

    fn step(codes: &[(u32, u8)], bits: usize) -> Step {
        let (mut length, mut places, mut ends) = (0, 0, false);
        while length < LOOKUP_BITS && places < PLACES && !ends {
            let (code, symbol) = codes[(bits << length) & ((1 << LOOKUP_BITS) - 1)];
            // The extra bits may lie past the look-up's bits, the code may not.
            if code == 0 || length + code > LOOKUP_BITS {
                break;
            }
            let (run, size) = (usize::from(symbol >> 4), u32::from(symbol & 15));
            length += code + size;
            ends = size == 0 && run != 15;
            places += if ends { 0 } else { run + 1 };
        }
        Step(length as u16 | (places as u16) << 6 | u16::from(ends) << 13)
    }

    /// Skips the rest of a block from position `k` and returns where it ended: 64, or beyond in a
    /// corrupt file.
    #[inline(always)]
    pub(super) fn skip(
        &self,
        table: &HuffmanTable,
        bits: &mut BitReader<'_>,
        mut k: usize,
    ) -> Result<usize, JpegError> {
        while k < PLACES {
            bits.ensure(LONGEST_SYMBOL);
            let step = self.0[bits.peek(LOOKUP_BITS) as usize];
            let next = k + step.places();
            // One by one where a code is long, or where the block may end within the step: the bits
            // after that are not an AC code.
            if step.length() == 0 || next >= PLACES {
                let Symbol { run, value } = table.next(bits)?;
                if value == 0 && run != 15 {
                    return Ok(PLACES);
                }
                k += run + 1;
            } else {
                bits.consume(step.length());
                if step.ends() {
                    return Ok(PLACES);
                }
                k = next;
            }
        }
        Ok(k)
    }
}
