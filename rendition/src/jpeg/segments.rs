//! Walks the marker segments of a JPEG (ITU-T T.81 section B.1). Its own file because the header
//! reader, the decoder and the look-ahead over progressive scans all need the same walk, with the
//! same tolerance for stray bytes. It locates segments and does not interpret them.

use super::JpegError;
use std::ops::Range;

pub(super) const SOI: u8 = 0xD8;
pub(super) const EOI: u8 = 0xD9;
pub(super) const SOS: u8 = 0xDA;
pub(super) const DQT: u8 = 0xDB;
pub(super) const DHT: u8 = 0xC4;
pub(super) const DRI: u8 = 0xDD;
pub(super) const DAC: u8 = 0xCC;
pub(super) const JPG: u8 = 0xC8;
pub(super) const APP0: u8 = 0xE0;
pub(super) const APP1: u8 = 0xE1;
pub(super) const APP2: u8 = 0xE2;
pub(super) const APP14: u8 = 0xEE;
const RST0: u8 = 0xD0;
const RST7: u8 = 0xD7;
const TEM: u8 = 0x01;

/// Real files have some hundreds. A segment may have only four bytes, and each one takes time.
const MOST_SEGMENTS: usize = 65_536;

/// One marker with the range of its parameters (after the two length bytes).
pub(super) struct Segment {
    pub(super) marker: u8,
    pub(super) payload: Range<usize>,
}

/// A cursor over the marker segments of a file.
pub(super) struct Segments<'a> {
    bytes: &'a [u8],
    /// Where the search for the next marker begins.
    pub(super) position: usize,
    /// Markers met so far.
    count: usize,
}

impl<'a> Segments<'a> {
    /// Begins after the start-of-image marker.
    pub(super) fn new(bytes: &'a [u8]) -> Result<Self, JpegError> {
        if bytes.starts_with(&[0xFF, SOI]) {
            Ok(Self {
                bytes,
                position: 2,
                count: 0,
            })
        } else {
            Err(JpegError::NotJpeg)
        }
    }

    /// The next segment. Bytes that belong to no segment are skipped, because some cameras pad
    /// between segments; so are standalone markers without content.
    pub(super) fn next(&mut self) -> Result<Segment, JpegError> {
        loop {
            let at = next_marker(self.bytes, self.position).ok_or(JpegError::Truncated)?;
            self.count += 1;
            if self.count > MOST_SEGMENTS {
                return Err(JpegError::TooManySegments);
            }
            let marker = self.bytes[at + 1];
            let start = at + 2;
            self.position = start;
            match marker {
                EOI => {
                    return Ok(Segment {
                        marker,
                        payload: start..start,
                    });
                }
                SOI | TEM | RST0..=RST7 => {}
                _ => {
                    let payload = self.payload_at(start)?;
                    self.position = payload.end;
                    return Ok(Segment { marker, payload });
                }
            }
        }
    }

    /// The parameters of a segment as bytes.
    pub(super) fn bytes_of(&self, segment: &Segment) -> &'a [u8] {
        &self.bytes[segment.payload.clone()]
    }

    fn payload_at(&self, start: usize) -> Result<Range<usize>, JpegError> {
        let length = match self.bytes.get(start..start + 2) {
            Some(&[high, low]) => usize::from(u16::from_be_bytes([high, low])),
            _ => return Err(JpegError::Truncated),
        };
        if length < 2 {
            return Err(JpegError::Corrupt(
                "a segment shorter than its own length field",
            ));
        }
        if start + length > self.bytes.len() {
            return Err(JpegError::Truncated);
        }
        Ok(start + 2..start + length)
    }
}

/// Where the next marker begins (its last 0xFF), at or after `from`. Stuffed zeros are no markers.
pub(super) fn next_marker(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        at += find_ff(bytes.get(at..)?)?;
        match bytes.get(at + 1)? {
            0x00 => at += 2,
            // Any number of fill bytes may stand before a marker.
            0xFF => {
                at += bytes[at + 1..]
                    .iter()
                    .take_while(|&&byte| byte == 0xFF)
                    .count()
            }
            _ => return Some(at),
        }
    }
}

/// The end of the entropy-coded data that begins at `from`: the first marker that is not a restart
/// marker, or the end of the file.
pub(super) fn end_of_scan(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(marker) = next_marker(bytes, at) {
        if !is_restart(bytes[marker + 1]) {
            return marker;
        }
        at = marker + 2;
    }
    bytes.len()
}

/// Whether a marker is one of RST0 to RST7.
pub(super) fn is_restart(marker: u8) -> bool {
    (RST0..=RST7).contains(&marker)
}

/// `contains` on a chunk is far faster than a byte-wise search, and 0xFF is rare.
fn find_ff(bytes: &[u8]) -> Option<usize> {
    const CHUNK: usize = 64;
    let chunk = bytes
        .chunks(CHUNK)
        .position(|chunk| chunk.contains(&0xFF))?;
    let start = chunk * CHUNK;
    let within = bytes[start..].iter().position(|&byte| byte == 0xFF)?;
    Some(start + within)
}
