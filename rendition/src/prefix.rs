//! Canonical prefix codes, as in lossless WebP (RFC 9649, section 3.7.2) and deflate (RFC 1951,
//! section 3.2.2), prepared for decoding in as little memory as possible, because a small WebP may
//! define some 300,000 of them.

use crate::RenditionError;
use crate::bits::Bits;

/// The longest code, in bits.
const LONGEST: usize = 15;
/// A prefix code.
pub(crate) struct Code {
    /// For each value of the next `bits` bits: a symbol and, in the lowest four bits, the length of
    /// its code; 0 where the code is longer. Empty if there is only one symbol.
    lookup: Box<[u16]>,
    bits: u32,
    long: Option<Box<Long>>,
    only: u16,
}

/// The data for codes that are longer than the look-up.
struct Long {
    /// How many codes there are of each length.
    counts: [u16; LONGEST + 1],
    /// Symbols in the order of their codes.
    symbols: Box<[u16]>,
}

impl Code {
    /// The code whose symbols have these lengths; no symbol has length 0. Up to `most_bits` bits are
    /// resolved by one look-up.
    pub(crate) fn new(lengths: &[u8], most_bits: u32) -> Result<Self, RenditionError> {
        let mut counts = [0_u16; LONGEST + 1];
        for &length in lengths {
            counts[usize::from(length)] += 1;
        }
        counts[0] = 0;
        let used: u16 = counts.iter().sum();
        if used <= 1 {
            let only = lengths.iter().position(|&length| length != 0);
            return Ok(Self {
                lookup: Box::default(),
                bits: 0,
                long: None,
                only: only.ok_or_else(corrupt)? as u16,
            });
        }
        // Every sequence of bits must have a meaning.
        let filled = (1..=LONGEST).map(|length| u32::from(counts[length]) << (LONGEST - length));
        if filled.sum::<u32>() != 1 << LONGEST {
            return Err(corrupt());
        }
        let longest = (1..=LONGEST).rfind(|&length| counts[length] > 0);
        let longest = longest.unwrap_or(LONGEST) as u32;
        let bits = longest.min(most_bits);
        let mut next_codes = [0_u32; LONGEST + 1];
        let mut places = [0_u16; LONGEST + 1];
        for length in 1..LONGEST {
            next_codes[length + 1] = (next_codes[length] + u32::from(counts[length])) << 1;
            places[length + 1] = places[length] + counts[length];
        }
        let mut lookup = vec![0; 1 << bits].into_boxed_slice();
        let mut symbols = Vec::new();
        if longest > most_bits {
            symbols.resize(used.into(), 0);
        }
        for (symbol, &length) in lengths
            .iter()
            .enumerate()
            .filter(|(_, length)| **length > 0)
        {
            let own = usize::from(length);
            let code = next_codes[own];
            next_codes[own] += 1;
            if let Some(slot) = symbols.get_mut(usize::from(places[own])) {
                *slot = symbol as u16;
            }
            places[own] += 1;
            if u32::from(length) <= bits {
                let entry = (symbol as u16) << 4 | u16::from(length);
                let first = code.reverse_bits() >> (32 - u32::from(length));
                for at in (first as usize..1 << bits).step_by(1 << length) {
                    lookup[at] = entry;
                }
            }
        }
        let long = (longest > most_bits).then(|| {
            Box::new(Long {
                counts,
                symbols: symbols.into_boxed_slice(),
            })
        });
        Ok(Self {
            lookup,
            bits,
            long,
            only: 0,
        })
    }

    /// Its symbol, if there is only one, which then takes no bits.
    pub(crate) fn only(&self) -> Option<u32> {
        self.lookup.is_empty().then_some(self.only.into())
    }

    /// The bytes of its heap memory.
    pub(crate) fn heap_bytes(&self) -> usize {
        let long = self.long.as_ref();
        self.lookup.len() * 2 + long.map_or(0, |long| size_of::<Long>() + long.symbols.len() * 2)
    }

    /// Takes the next symbol. [`LONGEST`] bits must have been ensured.
    #[inline(always)]
    pub(crate) fn next(&self, bits: &mut Bits<'_>) -> u32 {
        let Some(&entry) = self.lookup.get(bits.peek(self.bits) as usize) else {
            return self.only.into();
        };
        if entry != 0 {
            bits.consume(u32::from(entry & 15));
            return u32::from(entry >> 4);
        }
        self.next_long(bits)
    }

    /// Bit by bit, because codes are ordered by length and then by symbol.
    #[inline(never)]
    fn next_long(&self, bits: &mut Bits<'_>) -> u32 {
        let Some(long) = &self.long else {
            return self.only.into();
        };
        let ahead = bits.peek(LONGEST as u32);
        let (mut code, mut first, mut place) = (0_u32, 0_u32, 0_u32);
        for length in 1..=LONGEST {
            code |= ahead >> (length - 1) & 1;
            let count = u32::from(long.counts[length]);
            if code < first + count {
                bits.consume(length as u32);
                let place = (place + code - first) as usize;
                return long.symbols.get(place).copied().unwrap_or(0).into();
            }
            place += count;
            first = (first + count) << 1;
            code <<= 1;
        }
        self.only.into()
    }
}

/// Which length a repeat code repeats.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// The last length that was not 0, as in WebP.
    NotZero,
    /// The last length, whatever it was, as in deflate.
    Any,
}

/// Reads code lengths, which are coded by a prefix code of their own: at most `symbols` of them.
pub(crate) fn read_lengths(
    bits: &mut Bits<'_>,
    code: &Code,
    repeat: Repeat,
    mut symbols: usize,
    lengths: &mut [u8],
) -> Result<(), RenditionError> {
    let (mut at, mut last) = (0, 8);
    while at < lengths.len() && symbols > 0 {
        symbols -= 1;
        bits.ensure(32);
        let (length, times) = match code.next(bits) {
            symbol @ 0..=15 => (symbol as u8, 1),
            16 => (last, 3 + bits.take(2)),
            17 => (0, 3 + bits.take(3)),
            _ => (0, 11 + bits.take(7)),
        };
        if length != 0 || repeat == Repeat::Any {
            last = length;
        }
        let run = lengths.get_mut(at..at + times as usize);
        run.ok_or_else(corrupt)?.fill(length);
        at += times as usize;
    }
    Ok(())
}

pub(crate) fn corrupt() -> RenditionError {
    RenditionError::Damaged("it has an impossible prefix code".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Symbols in the canonical code, the first bit of a code in the lowest place.
    fn written(lengths: &[u8], symbols: &[usize]) -> Vec<u8> {
        let (mut bytes, mut filled) = (vec![0_u8; 64], 0);
        for &symbol in symbols {
            let length = lengths[symbol];
            let before = |other: usize| (lengths[other], other) < (length, symbol);
            let code: u32 = (0..lengths.len())
                .filter(|&other| lengths[other] > 0 && before(other))
                .map(|other| 1 << (LONGEST as u8 - lengths[other]))
                .sum();
            let code = code >> (LONGEST as u8 - length);
            for bit in (0..length).rev() {
                bytes[filled / 8] |= ((code >> bit & 1) as u8) << (filled % 8);
                filled += 1;
            }
        }
        bytes
    }

    #[test]
    fn short_and_long_codes_are_read() {
        // From 1 to 15 bits, the last length twice.
        let mut lengths: Vec<u8> = (1..=15).collect();
        lengths.push(15);
        let code = Code::new(&lengths, 8).unwrap();
        let symbols = [0, 15, 3, 14, 7, 8, 9, 1, 2];
        let bytes = written(&lengths, &symbols);
        let mut bits = Bits::new(&bytes);
        for symbol in symbols {
            bits.ensure(32);
            assert_eq!(code.next(&mut bits), symbol as u32);
        }
    }

    #[test]
    fn codes_with_gaps_or_overlaps_are_refused() {
        for lengths in [&[1, 2][..], &[1, 1, 1], &[0, 0], &[2, 2, 2]] {
            assert!(Code::new(lengths, 8).is_err(), "{lengths:?}");
        }
        assert_eq!(Code::new(&[0, 5, 0], 8).unwrap().only(), Some(1));
    }
}
