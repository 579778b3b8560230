//! Huffman tables prepared for decoding (T.81 annex C and section F.2.2.3). Its own file because
//! the look-up that yields code, run and coefficient in one step is what makes decoding fast, and
//! it is easiest to verify on its own.

use super::JpegError;
use super::bits::{BitReader, extend};

/// Codes of up to this many bits, and most of their extra bits, are resolved by one look-up.
const LOOKUP_BITS: u32 = 10;
/// The longest code with the longest run of extra bits.
pub(super) const LONGEST_SYMBOL: u32 = 16 + 16;

/// The meaning of the first [`LOOKUP_BITS`] bits, packed into one word: from the lowest bit, 6 bits
/// of length, 4 of run, 4 of extra, 2 unused, 16 of value.
///
/// `value` is the coefficient when its extra bits lie within the looked-up ones; then `length`
/// counts them too and `extra` is 0. Otherwise `value` is 0 and `extra` bits are still to be read.
#[derive(Clone, Copy)]
struct Entry(u32);

impl Entry {
    /// A code that is longer than the look-up.
    const LONG: Self = Self(0);

    fn new(length: u32, run: u32, extra: u32, value: i32) -> Self {
        Self(length | run << 6 | extra << 10 | value.cast_unsigned() << 16)
    }

    fn length(self) -> u32 {
        self.0 & 63
    }

    fn run(self) -> usize {
        (self.0 >> 6 & 15) as usize
    }

    fn extra(self) -> u32 {
        self.0 >> 10 & 15
    }

    fn value(self) -> i32 {
        self.0.cast_signed() >> 16
    }
}

/// A symbol with its extra bits: a number of zeros, then a coefficient. A coefficient of zero marks
/// the end of a block, of blocks, or a run of 16.
#[derive(Clone, Copy)]
pub(super) struct Symbol {
    pub(super) run: usize,
    pub(super) value: i32,
}

/// A table as one DHT segment defines it.
#[derive(Clone)]
pub(super) struct HuffmanTable {
    lookup: Box<[Entry; 1 << LOOKUP_BITS]>,
    /// How many codes there are of each length, 1 to 16.
    counts: [u8; 16],
    /// Symbols in the order of their codes.
    symbols: Vec<u8>,
    /// For codes of each length: the last code plus one, shifted up to 16 bits.
    limits: [u32; 17],
    /// For codes of each length: what to add to a code to get its index in `symbols`.
    offsets: [i32; 17],
}

impl HuffmanTable {
    /// Builds a table from the number of codes of each length and the symbols in code order.
    pub(super) fn new(counts: &[u8; 16], symbols: &[u8]) -> Result<Self, JpegError> {
        let mut table = Self {
            lookup: Box::new([Entry::LONG; 1 << LOOKUP_BITS]),
            counts: *counts,
            symbols: symbols.to_vec(),
            limits: [0; 17],
            offsets: [0; 17],
        };
        let (mut code, mut place) = (0_u32, 0_u32);
        for (length, &count) in (1..).zip(counts) {
            table.offsets[length] = place.cast_signed() - code.cast_signed();
            code += u32::from(count);
            place += u32::from(count);
            if code > 1 << length {
                return Err(JpegError::Corrupt("a Huffman table with too many codes"));
            }
            table.limits[length] = code << (16 - length);
            code <<= 1;
        }
        if place as usize != symbols.len() {
            return Err(JpegError::Corrupt("a short Huffman table"));
        }
        let mut lookup = table.lookup.clone();
        for (code, length, symbol) in table.codes().filter(|code| code.1 <= LOOKUP_BITS) {
            fill_lookup(&mut lookup[..], code, length, symbol);
        }
        table.lookup = lookup;
        Ok(table)
    }

    /// Each code with its length and its symbol (T.81 annex C.2), shortest first.
    pub(super) fn codes(&self) -> impl Iterator<Item = (u32, u32, u8)> {
        let lengths = (1..)
            .zip(&self.counts)
            .flat_map(|(length, &count)| std::iter::repeat_n(length, count.into()));
        let mut next = (0_u32, 0_u32);
        lengths.zip(&self.symbols).map(move |(length, &symbol)| {
            let code = next.0 << (length - next.1);
            next = (code + 1, length);
            (code, length, symbol)
        })
    }

    /// Whether every symbol is one that a DC coefficient can have.
    pub(super) fn fits_dc(&self) -> bool {
        self.symbols.iter().all(|&symbol| symbol <= 15)
    }

    /// Takes the next symbol and its extra bits. [`LONGEST_SYMBOL`] bits must have been ensured.
    #[inline(always)]
    pub(super) fn next(&self, bits: &mut BitReader<'_>) -> Result<Symbol, JpegError> {
        let mut entry = self.lookup[bits.peek(LOOKUP_BITS) as usize];
        let mut value = entry.value();
        if value != 0 {
            bits.consume(entry.length());
        } else {
            if entry.length() == 0 {
                entry = self.long_code(bits.peek(16))?;
            }
            bits.consume(entry.length());
            if entry.extra() > 0 {
                value = bits.take_signed(entry.extra());
            }
        }
        Ok(Symbol {
            run: entry.run(),
            value,
        })
    }

    /// A code longer than the look-up, by the limits of each length (T.81 figure F.16).
    #[cold]
    #[inline(never)]
    fn long_code(&self, bits: u32) -> Result<Entry, JpegError> {
        const NO_CODE: JpegError = JpegError::Corrupt("bits that are not a Huffman code");
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

/// Enters a code under all values that begin with its bits.
fn fill_lookup(lookup: &mut [Entry], code: u32, length: u32, symbol: u8) {
    let (run, size) = (u32::from(symbol >> 4), u32::from(symbol & 15));
    let rest = LOOKUP_BITS - length;
    let entries = &mut lookup[(code << rest) as usize..][..1 << rest];
    for (tail, entry) in (0_u32..).zip(entries) {
        *entry = if size > 0 && size <= rest {
            Entry::new(length + size, run, 0, extend(tail >> (rest - size), size))
        } else {
            Entry::new(length, run, size, 0)
        };
    }
}
