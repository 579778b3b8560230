//! Counts the blocks of a deflate stream (RFC 1951): each may begin with codes of its own, which
//! take a decoder microseconds to prepare and a hostile file ten bytes to write. Nothing is
//! inflated; only the ends of blocks are located.

use crate::RenditionError;
use crate::bits::Bits;
use crate::prefix::{Code, Repeat, corrupt, read_lengths};

/// Encoders with the least memory end a block after 127 symbols.
const FEWEST_BYTES_EACH: u64 = 128;
/// Below this many bytes, blocks cannot be expensive, however small.
const SMALL: u64 = 1 << 20;
/// Codes of literals are seldom longer.
const LOOKUP_BITS: u32 = 11;
/// A symbol, a distance, and the extra bits of both.
const LONGEST_PAIR: u32 = 15 + 5 + 15 + 13;
const END_OF_BLOCK: u32 = 256;
/// The order of the lengths of the code for code lengths (section 3.2.7).
const ORDER: [u8; 19] = [
    16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
];

/// Refuses a zlib stream of `length` bytes that consists of blocks too small for any encoder; reads
/// it as far as `needed` inflated bytes.
pub(super) fn check(parts: Vec<&[u8]>, length: u64, needed: u64) -> Result<(), RenditionError> {
    if length <= SMALL {
        return Ok(());
    }
    let mut stream = Stream {
        bits: Bits::of_parts(parts),
        made: 0,
        needed,
        fixed: fixed()?,
    };
    stream.bits.take(16);
    let mut blocks = 0;
    while stream.made < needed && !stream.bits.is_overrun() {
        let is_last = stream.bits.flag();
        let has_codes = stream.block()?;
        blocks += u64::from(has_codes);
        if blocks * FEWEST_BYTES_EACH > length {
            return Err(RenditionError::Damaged(
                "its pixels are compressed in more blocks than any encoder makes".to_owned(),
            ));
        }
        if is_last {
            break;
        }
    }
    Ok(())
}

struct Stream<'a> {
    bits: Bits<'a>,
    /// The number of inflated bytes so far.
    made: u64,
    needed: u64,
    fixed: Codes,
}

/// For literals and lengths, and for distances.
type Codes = (Code, Option<Code>);

impl Stream<'_> {
    /// Skips a block, and returns whether it had codes.
    fn block(&mut self) -> Result<bool, RenditionError> {
        let own;
        let (literals, distances) = match self.bits.take(2) {
            0 => {
                self.bits.skip_bytes(0);
                let length = self.bits.take(16) as usize;
                self.bits.take(16);
                self.bits.skip_bytes(length);
                self.made += length as u64;
                return Ok(false);
            }
            1 => &self.fixed,
            2 => {
                own = self.codes()?;
                &own
            }
            _ => return Err(corrupt()),
        };
        while self.made < self.needed {
            self.bits.ensure(LONGEST_PAIR);
            match literals.next(&mut self.bits) {
                END_OF_BLOCK => break,
                0..END_OF_BLOCK => self.made += 1,
                length @ 257..=285 => {
                    self.made += copied(&mut self.bits, length - 257);
                    let distance = distances.as_ref().ok_or_else(corrupt)?;
                    let distance = distance.next(&mut self.bits);
                    let extra = (distance / 2).saturating_sub(1);
                    self.bits.consume(extra.min(13));
                }
                _ => return Err(corrupt()),
            }
            if self.bits.is_overrun() {
                break;
            }
        }
        Ok(true)
    }

    /// Codes of the block's own (section 3.2.7).
    fn codes(&mut self) -> Result<Codes, RenditionError> {
        let literals = 257 + self.bits.take(5) as usize;
        let distances = 1 + self.bits.take(5) as usize;
        let mut own = [0; ORDER.len()];
        let count = 4 + self.bits.take(4) as usize;
        for &place in ORDER.get(..count).ok_or_else(corrupt)? {
            own[usize::from(place)] = self.bits.take(3) as u8;
        }
        let own = code(&own)?.ok_or_else(corrupt)?;
        let mut lengths = [0; 288 + 32];
        let lengths = &mut lengths[..literals + distances];
        read_lengths(&mut self.bits, &own, Repeat::Any, lengths.len(), lengths)?;
        let (literals, distances) = lengths.split_at(literals);
        Ok((code(literals)?.ok_or_else(corrupt)?, code(distances)?))
    }
}

/// The number of bytes that are copied (section 3.2.5).
fn copied(bits: &mut Bits<'_>, code: u32) -> u64 {
    let (base, extra) = match code {
        0..8 => (code + 3, 0),
        28 => (258, 0),
        _ => {
            let extra = code / 4 - 1;
            (((4 + code % 4) << extra) + 3, extra)
        }
    };
    let more = bits.peek(extra);
    bits.consume(extra);
    u64::from(base + more)
}

/// The codes of a block that has none of its own (section 3.2.6).
fn fixed() -> Result<Codes, RenditionError> {
    let mut lengths = [8; 288];
    lengths[144..256].fill(9);
    lengths[256..280].fill(7);
    Ok((code(&lengths)?.ok_or_else(corrupt)?, code(&[5; 32])?))
}

/// A code, if it has any symbols. A single symbol still takes a bit.
fn code(lengths: &[u8]) -> Result<Option<Code>, RenditionError> {
    match lengths.iter().filter(|&&length| length > 0).count() {
        0 => Ok(None),
        1 => {
            let mut padded = [lengths, &[1]].concat();
            padded
                .iter_mut()
                .for_each(|length| *length = (*length).min(1));
            Code::new(&padded, LOOKUP_BITS).map(Some)
        }
        _ => Code::new(lengths, LOOKUP_BITS).map(Some),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn zlib(bytes: &[u8], level: u32) -> Vec<u8> {
        let level = flate2::Compression::new(level);
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), level);
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn every_byte_of_any_stream_is_counted() {
        let noise: Vec<u8> = (0..300_000_u32)
            .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
            .collect();
        let text: Vec<u8> = (0..300_000_u32)
            .map(|n| (n % 97 * (n / 1_000) % 50) as u8)
            .collect();
        for bytes in [&noise, &text, &vec![7; 300_000], &vec![1], &vec![]] {
            for level in [0, 1, 6, 9] {
                let stream = zlib(bytes, level);
                let mut stream = Stream {
                    bits: Bits::of_parts(stream.chunks(1_000).collect()),
                    made: 0,
                    needed: u64::MAX,
                    fixed: fixed().unwrap(),
                };
                stream.bits.take(16);
                while !stream.bits.flag() {
                    stream.block().unwrap();
                }
                stream.block().unwrap();
                assert_eq!(stream.made, bytes.len() as u64, "level {level}");
                assert!(!stream.bits.is_overrun());
            }
        }
    }

    #[test]
    fn blocks_of_nothing_are_refused() {
        // Fixed codes and the end of the block: ten bits.
        let empty = [0b0000_0010, 0b0000_1000, 0b0010_0000, 0b1000_0000, 0];
        let stream = [&[0x78, 1][..], &empty.repeat(300_000)].concat();
        let length = stream.len() as u64;
        assert!(check(vec![&stream], length, 1_000).is_err());
        let honest = zlib(&vec![7; 3_000_000], 0);
        assert!(check(vec![&honest], honest.len() as u64, 3_000_000).is_ok());
    }
}
