//! Reads entropy-coded data bit by bit (T.81 section F.2.2.5). Its own file because all scans share
//! it and it is the decoder's hottest code; it handles bytes, stuffing and markers, never symbols.

use super::JpegError;
use super::segments::{is_restart, next_marker};

/// A cursor over entropy-coded data with up to 64 bits read ahead.
///
/// Past a marker or the end of the file it delivers zero bits forever and counts them, so that the
/// hot loops need no check of their own; [`BitReader::check`] reports afterwards whether any of
/// them was used.
#[derive(Clone, Copy)]
pub(super) struct BitReader<'a> {
    bytes: &'a [u8],
    position: usize,
    /// The next bits, first one topmost. Below the lowest of `available` bits there may be a part
    /// of the next byte; or-ing that byte in again changes nothing.
    buffer: u64,
    available: u32,
    /// How many of the bits ever put into the buffer are past the end.
    invented: u64,
}

/// After [`BitReader::refill`] at least this many bits can be taken.
pub(super) const REFILLED: u32 = 56;

impl<'a> BitReader<'a> {
    pub(super) fn new(bytes: &'a [u8], position: usize) -> Self {
        Self {
            bytes,
            position,
            buffer: 0,
            available: 0,
            invented: 0,
        }
    }

    /// Tops the buffer up to at least [`REFILLED`] bits when fewer than `wanted` are left.
    #[inline(always)]
    pub(super) fn ensure(&mut self, wanted: u32) {
        debug_assert!(wanted <= REFILLED);
        if self.available < wanted {
            self.refill();
        }
    }

    #[inline(always)]
    fn refill(&mut self) {
        if let Some(Ok(next)) = self
            .bytes
            .get(self.position..)
            .and_then(|rest| rest.get(..8).map(<[u8; 8]>::try_from))
        {
            let word = u64::from_be_bytes(next);
            if !has_ff(word) {
                self.buffer |= word >> self.available;
                let taken = (63 - self.available) >> 3;
                self.position += taken as usize;
                self.available += taken * 8;
                return;
            }
        }
        *self = self.refilled_slowly();
    }

    /// Byte by byte, where stuffing, a marker or the end of the file is near. It takes and returns
    /// the reader by value: if its address were taken, the hot loops could not keep it in
    /// registers.
    #[cold]
    #[inline(never)]
    fn refilled_slowly(mut self) -> Self {
        while self.available < REFILLED {
            let byte = match (
                self.bytes.get(self.position),
                self.bytes.get(self.position + 1),
            ) {
                (Some(0xFF), Some(0x00)) => {
                    self.position += 2;
                    0xFF
                }
                // Fill bytes may stand before a marker: leave them to the marker search.
                (Some(0xFF), _) | (None, _) => {
                    self.invented += 8;
                    0
                }
                (Some(&byte), _) => {
                    self.position += 1;
                    byte
                }
            };
            self.buffer |= u64::from(byte) << (56 - self.available);
            self.available += 8;
        }
        self
    }

    /// The next `count` bits, 1 to 32, without taking them. They must have been ensured.
    #[inline(always)]
    pub(super) fn peek(&self, count: u32) -> u32 {
        debug_assert!((1..=32).contains(&count));
        (self.buffer >> (64 - count)) as u32
    }

    /// Takes `count` bits that were ensured.
    #[inline(always)]
    pub(super) fn consume(&mut self, count: u32) {
        debug_assert!(count <= self.available);
        self.buffer <<= count;
        self.available = self.available.wrapping_sub(count);
    }

    /// Takes `count` bits, 0 to 32, as a number. They must have been ensured.
    #[inline(always)]
    pub(super) fn take(&mut self, count: u32) -> u32 {
        debug_assert!(count <= 32);
        // Two shifts, because one by 64 is not defined.
        let bits = (self.buffer >> 1 >> (63 - count)) as u32;
        self.consume(count);
        bits
    }

    /// Takes a signed number of `size` bits, 1 to 16 (RECEIVE and EXTEND, T.81 section F.2.2.1).
    /// The bits must have been ensured.
    #[inline(always)]
    pub(super) fn take_signed(&mut self, size: u32) -> i32 {
        extend(self.take(size), size)
    }

    /// Fails when bits were used that the file does not contain.
    pub(super) fn check(&self) -> Result<(), JpegError> {
        if self.invented > u64::from(self.available) {
            // A marker in the way means damage; the end of the file means truncation.
            return Err(if next_marker(self.bytes, self.position).is_some() {
                JpegError::Corrupt("a scan with too little data")
            } else {
                JpegError::Truncated
            });
        }
        Ok(())
    }

    /// Drops the bits that pad the last byte and steps over restart marker `number` (0 to 7). Stray
    /// bytes before the marker are skipped; any other marker is an error.
    pub(super) fn restart(&mut self, number: u8) -> Result<(), JpegError> {
        self.check()?;
        let at = next_marker(self.bytes, self.position).ok_or(JpegError::Truncated)?;
        let marker = self.bytes[at + 1];
        if !is_restart(marker) || marker & 7 != number {
            return Err(JpegError::Corrupt("a restart marker is missing"));
        }
        *self = Self::new(self.bytes, at + 2);
        Ok(())
    }

    /// Where to look for the marker after the data read so far.
    pub(super) fn position(&self) -> usize {
        self.position
    }
}

/// Turns `size` bits into the signed number that they encode (T.81 figure F.12).
#[inline(always)]
pub(super) fn extend(bits: u32, size: u32) -> i32 {
    let bits = bits.cast_signed();
    if bits < 1 << (size - 1) {
        bits - (1 << size) + 1
    } else {
        bits
    }
}

/// Whether any byte of `word` is 0xFF: the usual test for a zero byte, on the complement.
#[inline(always)]
fn has_ff(word: u64) -> bool {
    const LOW: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    (!word).wrapping_sub(LOW) & word & HIGH != 0
}
