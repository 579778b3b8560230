//! Parts of a file, read as one contiguous stream, so that a decoder sees only the parts that it is
//! to decode, however much else a hostile file contains.

use std::io::{self, BufRead, Read, Seek, SeekFrom};

/// A reader over parts in order.
pub(crate) struct Slices<'a> {
    parts: Vec<&'a [u8]>,
    /// The current part, and how much of it has been read.
    part: usize,
    offset: usize,
}

impl<'a> Slices<'a> {
    pub(crate) fn new(parts: Vec<&'a [u8]>) -> Self {
        Self {
            parts,
            part: 0,
            offset: 0,
        }
    }

    fn position(&self) -> u64 {
        let before = self.parts.iter().take(self.part);
        before.map(|part| part.len() as u64).sum::<u64>() + self.offset as u64
    }

    fn len(&self) -> u64 {
        self.parts.iter().map(|part| part.len() as u64).sum()
    }
}

impl BufRead for Slices<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while let Some(part) = self.parts.get(self.part) {
            if self.offset < part.len() {
                return Ok(&part[self.offset..]);
            }
            self.part += 1;
            self.offset = 0;
        }
        Ok(&[])
    }

    fn consume(&mut self, amount: usize) {
        self.offset += amount;
    }
}

impl Read for Slices<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(out)?;
        self.consume(count);
        Ok(count)
    }
}

impl Seek for Slices<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(place) => Some(place),
            SeekFrom::End(distance) => self.len().checked_add_signed(distance),
            SeekFrom::Current(distance) => self.position().checked_add_signed(distance),
        };
        let target = target.ok_or(io::ErrorKind::InvalidInput)?;
        let mut rest = usize::try_from(target).unwrap_or(usize::MAX);
        self.part = 0;
        while let Some(part) = self.parts.get(self.part)
            && rest >= part.len()
        {
            rest -= part.len();
            self.part += 1;
        }
        self.offset = rest;
        Ok(target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_read_as_one_from_any_place() {
        let whole = b"abcdefgh";
        for place in 0..whole.len() as u64 {
            let mut slices = Slices::new(vec![b"abc", b"", b"de", b"fgh"]);
            assert_eq!(slices.seek(SeekFrom::Start(place)).unwrap(), place);
            assert_eq!(slices.stream_position().unwrap(), place);
            let mut rest = Vec::new();
            slices.read_to_end(&mut rest).unwrap();
            assert_eq!(rest, &whole[place as usize..]);
        }
    }

    #[test]
    fn past_the_end_there_is_nothing() {
        let mut slices = Slices::new(vec![b"abc"]);
        assert_eq!(slices.seek(SeekFrom::Start(9)).unwrap(), 9);
        assert!(slices.fill_buf().unwrap().is_empty());
        assert!(slices.seek(SeekFrom::Current(-99)).is_err());
    }
}
