//! Huffman tables made for decoding (T.81 annex C and section F.2.2.3). Its own file because the
//! look-up that yields code, run and coefficient in one step is what makes decoding fast, and it
//! is easiest to trust when it stands alone.

use super::JpegError;
use super::bits::{BitReader, extend};

/// Codes of up to this many bits, and most of their extra bits, are resolved by one look-up.
const LOOKUP_BITS: u32 = 10;
/// The longest code with the longest run of extra bits.
pub(super) const LONGEST_SYMBOL: u32 = 16 + 16;

/// What the first [`LOOKUP_BITS`] bits stand for, packed into one word.
///
/// `value` is the coefficient when its extra bits lie within the looked-up ones; then `length`
/// counts them too and `extra` is 0. Otherwise `value` is 0 and `extra` bits are still to be read.
#[derive(Clone, Copy)]
pub(super) struct Entry(u32);

impl Entry {
    /// A code that is longer than the look-up.
    const LONG: Self = Self(0);

    fn new(length: u32, run: u32, extra: u32, value: i32) -> Self {
        Self(length | run << 8 | extra << 12 | value.cast_unsigned() << 16)
    }

    /// Bits that this entry accounts for.
    #[inline(always)]
    pub(super) fn length(self) -> u32 {
        self.0 & 0xFF
    }

    /// The high half of the symbol: zeros before the coefficient.
    #[inline(always)]
    pub(super) fn run(self) -> usize {
        (self.0 >> 8 & 15) as usize
    }

    /// Extra bits still to be read.
    #[inline(always)]
    pub(super) fn extra(self) -> u32 {
        self.0 >> 12 & 15
    }

    /// The coefficient if it was within the looked-up bits, else 0.
    #[inline(always)]
    pub(super) fn value(self) -> i32 {
        self.0.cast_signed() >> 16
    }
}

/// A table as one DHT segment defines it.
#[derive(Clone)]
pub(super) struct HuffmanTable {
    lookup: Box<[Entry; 1 << LOOKUP_BITS]>,
    symbols: Vec<u8>,
    /// For codes of each length: one more than the last code, moved up to 16 bits.
    limits: [u32; 17],
    /// For codes of each length: what to add to a code to get its place in `symbols`.
    offsets: [i32; 17],
}

impl HuffmanTable {
    /// Builds a table from the number of codes of each length and the symbols in code order.
    pub(super) fn new(counts: &[u8; 16], symbols: &[u8]) -> Result<Self, JpegError> {
        let mut table = Self {
            lookup: Box::new([Entry::LONG; 1 << LOOKUP_BITS]),
            symbols: symbols.to_vec(),
            limits: [0; 17],
            offsets: [0; 17],
        };
        let (mut code, mut place) = (0_u32, 0_usize);
        for (length, &count) in (1_u32..).zip(counts) {
            let slot = length as usize;
            table.offsets[slot] = place as i32 - code.cast_signed();
            for _ in 0..count {
                let symbol = *symbols
                    .get(place)
                    .ok_or(JpegError::Corrupt("a short Huffman table"))?;
                if code >= 1 << length {
                    return Err(JpegError::Corrupt("a Huffman table with too many codes"));
                }
                if length <= LOOKUP_BITS {
                    table.fill_lookup(code, length, symbol);
                }
                code += 1;
                place += 1;
            }
            table.limits[slot] = code << (16 - length);
            code <<= 1;
        }
        Ok(table)
    }

    fn fill_lookup(&mut self, code: u32, length: u32, symbol: u8) {
        let (run, size) = (u32::from(symbol >> 4), u32::from(symbol & 15));
        let rest = LOOKUP_BITS - length;
        let first = (code << rest) as usize;
        for (tail, entry) in self.lookup[first..first + (1 << rest)]
            .iter_mut()
            .enumerate()
        {
            *entry = if size > 0 && size <= rest {
                let bits = tail as u32 >> (rest - size);
                Entry::new(length + size, run, 0, extend(bits, size))
            } else {
                Entry::new(length, run, size, 0)
            };
        }
    }

    /// Whether every symbol is one that a DC coefficient can have.
    pub(super) fn fits_dc(&self) -> bool {
        self.symbols.iter().all(|&symbol| symbol <= 15)
    }

    /// Looks the next symbol up and takes its code (and its extra bits, see [`Entry`]).
    /// [`LONGEST_SYMBOL`] bits must have been ensured; that leaves enough for the extra bits.
    #[inline(always)]
    pub(super) fn next(&self, bits: &mut BitReader<'_>) -> Result<Entry, JpegError> {
        let mut entry = self.lookup[bits.peek(LOOKUP_BITS) as usize];
        if entry.length() == 0 {
            entry = self.long_code(bits.peek(16))?;
        }
        bits.consume(entry.length());
        Ok(entry)
    }

    /// A code longer than the look-up, by the limits of each length (T.81 figure F.16).
    #[cold]
    #[inline(never)]
    fn long_code(&self, bits: u32) -> Result<Entry, JpegError> {
        const NO_CODE: JpegError = JpegError::Corrupt("bits that are no Huffman code");
        for length in LOOKUP_BITS + 1..=16 {
            let slot = length as usize;
            if bits < self.limits[slot] {
                let code = (bits >> (16 - length)).cast_signed();
                let place = usize::try_from(code + self.offsets[slot]).map_err(|_| NO_CODE)?;
                let symbol = u32::from(*self.symbols.get(place).ok_or(NO_CODE)?);
                return Ok(Entry::new(length, symbol >> 4, symbol & 15, 0));
            }
        }
        Err(NO_CODE)
    }
}
