//! Reads bits, the lowest of each byte first, as in lossless WebP (RFC 9649, section 3.1) and
//! deflate (RFC 1951, section 3.1.1).

/// A cursor over bits with up to 64 of them read ahead. Past the end it delivers zeros forever, so
/// that the hot loops need no check of their own; [`Bits::is_overrun`] reports it afterwards.
pub(crate) struct Bits<'a> {
    bytes: &'a [u8],
    /// The parts that follow `bytes`.
    parts: std::vec::IntoIter<&'a [u8]>,
    position: usize,
    /// The next bits, first one lowest. Above the lowest `available` bits there may be a part of
    /// the next byte; or-ing that byte in again changes nothing.
    buffer: u64,
    available: u32,
    /// How many of the bits ever put into the buffer are past the end.
    invented: u64,
}

/// After [`Bits::refill`] at least this many bits can be taken.
pub(crate) const REFILLED: u32 = 56;

impl<'a> Bits<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self::of_parts(vec![bytes])
    }

    /// Reads several parts as one contiguous stream.
    pub(crate) fn of_parts(parts: Vec<&'a [u8]>) -> Self {
        Self {
            bytes: &[],
            parts: parts.into_iter(),
            position: 0,
            buffer: 0,
            available: 0,
            invented: 0,
        }
    }

    /// Makes at least `wanted` bits ready, at most [`REFILLED`].
    #[inline(always)]
    pub(crate) fn ensure(&mut self, wanted: u32) {
        if self.available < wanted {
            self.refill();
        }
    }

    #[inline(always)]
    fn refill(&mut self) {
        let rest = self.bytes.get(self.position..).unwrap_or_default();
        if let Some(&next) = rest.first_chunk::<8>() {
            self.buffer |= u64::from_le_bytes(next) << self.available;
            let taken = (63 - self.available) / 8;
            self.position += taken as usize;
            self.available += taken * 8;
        } else {
            self.refill_slowly();
        }
    }

    #[cold]
    fn refill_slowly(&mut self) {
        while self.available < REFILLED {
            match self.bytes.get(self.position) {
                Some(&byte) => {
                    self.buffer |= u64::from(byte) << self.available;
                    self.position += 1;
                    self.available += 8;
                }
                None => match self.parts.next() {
                    Some(part) => {
                        self.bytes = part;
                        self.position = 0;
                    }
                    None => {
                        self.invented += 8;
                        self.available += 8;
                    }
                },
            }
        }
    }

    /// The next `count` bits, at most 32, without taking them. They must have been ensured.
    #[inline(always)]
    pub(crate) fn peek(&self, count: u32) -> u32 {
        (self.buffer & ((1 << count) - 1)) as u32
    }

    /// Takes `count` bits that were ensured.
    #[inline(always)]
    pub(crate) fn consume(&mut self, count: u32) {
        self.buffer >>= count;
        self.available = self.available.wrapping_sub(count);
    }

    /// Takes `count` bits, at most 32, as a number.
    #[inline(always)]
    pub(crate) fn take(&mut self, count: u32) -> u32 {
        self.ensure(count);
        let bits = self.peek(count);
        self.consume(count);
        bits
    }

    /// Takes one bit.
    pub(crate) fn flag(&mut self) -> bool {
        self.take(1) != 0
    }

    /// Drops the rest of a byte, and `count` whole ones.
    pub(crate) fn skip_bytes(&mut self, mut count: usize) {
        self.consume(self.available % 8);
        while count > 0 && self.available > 0 {
            self.consume(8);
            count -= 1;
        }
        if count == 0 {
            return;
        }
        self.buffer = 0;
        while count > 0 {
            let here = count.min(self.bytes.len().saturating_sub(self.position));
            self.position += here;
            count -= here;
            if count > 0 {
                match self.parts.next() {
                    Some(part) => {
                        self.bytes = part;
                        self.position = 0;
                    }
                    None => {
                        // Everything read from here on is past the end.
                        self.invented += 8;
                        count = 0;
                    }
                }
            }
        }
    }

    /// Whether more bits were taken than exist.
    pub(crate) fn is_overrun(&self) -> bool {
        self.invented > u64::from(self.available)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_bits_come_first_and_the_end_is_noticed() {
        let mut bits = Bits::new(&[0b1001_1100, 0b0100_0001, 0b1110_0001]);
        let taken = [3, 2, 6, 10, 3].map(|count| bits.take(count));
        assert_eq!(taken, [4, 3, 12, 40, 7]);
        assert!(!bits.is_overrun());
        assert_eq!(bits.take(1), 0);
        assert!(bits.is_overrun());
    }

    #[test]
    fn long_files_read_as_short_ones() {
        let bytes: Vec<u8> = (0..100).map(|n| (n * 37 % 251) as u8).collect();
        let mut bits = Bits::new(&bytes);
        for &byte in &bytes {
            assert_eq!(bits.take(5) | bits.take(3) << 5, u32::from(byte));
        }
        assert!(!bits.is_overrun());
    }

    #[test]
    fn parts_read_as_one_and_bytes_are_skipped() {
        let bytes: Vec<u8> = (0..100).collect();
        for skipped in 0..90 {
            let parts = vec![&bytes[..3], &bytes[3..3], &bytes[3..40], &bytes[40..]];
            let mut bits = Bits::of_parts(parts);
            assert_eq!(bits.take(3), 0);
            bits.skip_bytes(skipped);
            assert_eq!(bits.take(8), skipped as u32 + 1);
            assert!(!bits.is_overrun());
        }
        let mut bits = Bits::new(&bytes);
        bits.skip_bytes(101);
        assert!(bits.is_overrun());
    }
}
