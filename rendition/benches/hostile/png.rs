//! Expensive PNGs: every kind of pixel, filter and compression.

use std::io::Write;

use super::noise::Noise;

/// How pixels are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packing {
    Stored,
    Deflate(u32),
    /// Blocks with Huffman codes of their own, each of which contains a few rows of runs.
    TinyBlocks,
    /// As many empty blocks as fit, then the pixels.
    EmptyBlocks,
}

/// The pixels before the filter is undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    Flat,
    Noise,
    /// Noise that repeats every 4 KiB, so that it compresses.
    Repeated,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Recipe {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) depth: u8,
    pub(crate) colour: u8,
    pub(crate) interlaced: bool,
    /// A filter for all rows, or each in turn.
    pub(crate) filter: Option<u8>,
    pub(crate) content: Content,
    pub(crate) packing: Packing,
    /// Bytes of an `IDAT` chunk.
    pub(crate) chunk: usize,
    /// Bytes of EXIF before the pixels, with the picture's orientation.
    pub(crate) turned: bool,
}

impl Recipe {
    pub(crate) fn plain(width: u32, height: u32) -> Self {
        Self {
            width,
            height,
            depth: 8,
            colour: 2,
            interlaced: false,
            filter: Some(4),
            content: Content::Repeated,
            packing: Packing::Deflate(6),
            chunk: 1 << 16,
            turned: false,
        }
    }

    pub(crate) fn make(&self, noise: &mut Noise) -> Vec<u8> {
        let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
        let mut header = Vec::new();
        header.extend(self.width.to_be_bytes());
        header.extend(self.height.to_be_bytes());
        header.extend([self.depth, self.colour, 0, 0, u8::from(self.interlaced)]);
        chunk(&mut file, b"IHDR", &header);
        if self.turned {
            let exif = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
            chunk(&mut file, b"eXIf", exif);
        }
        if self.colour == 3 {
            chunk(&mut file, b"PLTE", &noise.bytes(768));
            chunk(&mut file, b"tRNS", &noise.bytes(256));
        }
        let rows = self.rows(noise);
        for part in self.packed(&rows).chunks(self.chunk.max(1)) {
            chunk(&mut file, b"IDAT", part);
        }
        chunk(&mut file, b"IEND", b"");
        file
    }

    /// All rows, each preceded by its filter's number.
    fn rows(&self, noise: &mut Noise) -> Vec<u8> {
        let samples = [1, 0, 3, 1, 2, 0, 4][usize::from(self.colour)];
        let bits = samples * usize::from(self.depth);
        let pattern = noise.bytes(4 << 10);
        let mut rows = Vec::new();
        for (y, width) in self.passes().into_iter().enumerate() {
            rows.push(self.filter.unwrap_or((y % 5) as u8));
            let length = (width * bits).div_ceil(8);
            match self.content {
                Content::Flat => rows.resize(rows.len() + length, 0),
                Content::Noise => rows.extend(noise.bytes(length)),
                Content::Repeated => rows.extend(pattern.iter().cycle().take(length)),
            }
        }
        rows
    }

    /// The width of each row.
    fn passes(&self) -> Vec<usize> {
        let (width, height) = (self.width as usize, self.height as usize);
        if !self.interlaced {
            return vec![width; height];
        }
        let passes = [
            (0, 0, 8, 8),
            (4, 0, 8, 8),
            (0, 4, 4, 8),
            (2, 0, 4, 4),
            (0, 2, 2, 4),
            (1, 0, 2, 2),
            (0, 1, 1, 2),
        ];
        let count = |side: usize, first, step| side.saturating_sub(first).div_ceil(step);
        let pass = |(x, y, across, down)| {
            let width = count(width, x, across);
            std::iter::repeat_n(
                width,
                if width == 0 {
                    0
                } else {
                    count(height, y, down)
                },
            )
        };
        passes.into_iter().flat_map(pass).collect()
    }

    fn packed(&self, rows: &[u8]) -> Vec<u8> {
        match self.packing {
            Packing::Deflate(level) => zlib(rows, level),
            Packing::Stored => {
                let mut out = vec![0x78, 0x01];
                stored(rows, true, &mut out);
                out
            }
            Packing::EmptyBlocks => {
                let mut out = vec![0x78, 0x01];
                let mut bits = Bits::default();
                // Fixed codes: nothing but the end of the block.
                for _ in 0..(3 << 20) * 8 / 10 {
                    bits.put(0b010, 3);
                    bits.put(0, 7);
                }
                // A stored block begins at a whole byte.
                bits.put(0, 3);
                out.extend(bits.finish());
                out.extend([0, 0, 0xFF, 0xFF]);
                stored(rows, true, &mut out);
                out
            }
            Packing::TinyBlocks => {
                let mut out = vec![0x78, 0x01];
                out.extend(tiny_blocks(rows.len()));
                out
            }
        }
    }
}

/// Zeros, in blocks of about 14 bytes that each define codes of their own.
fn tiny_blocks(length: usize) -> Vec<u8> {
    const MOST_BLOCKS: usize = (15 << 20) / 15;
    let runs = length.saturating_sub(1).div_ceil(258).max(1);
    let blocks = MOST_BLOCKS.min(runs);
    let mut bits = Bits::default();
    let mut left = runs;
    for block in 0..blocks {
        bits.put(u32::from(block + 1 == blocks), 1);
        bits.put(0b10, 2);
        bits.put(29, 5);
        bits.put(0, 5);
        bits.put(14, 4);
        // Lengths of the codes for 18, 1 and 2: one bit, two bits, two bits.
        for place in 0..18 {
            bits.put(
                [0, 0, 1, 2, 2][[0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 4][place]],
                3,
            );
        }
        let (one, two) = (0b01, 0b11);
        let zeros = |bits: &mut Bits, count: u32| {
            bits.put(0, 1);
            bits.put(count - 11, 7);
        };
        // Literal 0 in one bit, the end and runs of 258 in two.
        bits.put(one, 2);
        zeros(&mut bits, 138);
        zeros(&mut bits, 117);
        bits.put(two, 2);
        zeros(&mut bits, 28);
        bits.put(two, 2);
        bits.put(one, 2);
        if block == 0 {
            bits.put(0, 1);
        }
        let here = left.div_ceil(blocks - block);
        for _ in 0..here {
            bits.put(0b11, 2);
            bits.put(0, 1);
        }
        left -= here;
        bits.put(0b01, 2);
    }
    bits.finish()
}

fn stored(bytes: &[u8], is_last: bool, out: &mut Vec<u8>) {
    let count = bytes.len().div_ceil(65_535);
    for (number, part) in (1..).zip(bytes.chunks(65_535)) {
        out.push(u8::from(is_last && number == count));
        let length = part.len() as u16;
        out.extend(length.to_le_bytes());
        out.extend((!length).to_le_bytes());
        out.extend_from_slice(part);
    }
}

/// A bit writer, the lowest bit of each byte first.
#[derive(Default)]
pub(crate) struct Bits {
    bytes: Vec<u8>,
    buffer: u64,
    filled: u32,
}

impl Bits {
    pub(crate) fn put(&mut self, value: u32, count: u32) {
        self.buffer |= u64::from(value) << self.filled;
        self.filled += count;
        while self.filled >= 8 {
            self.bytes.push(self.buffer as u8);
            self.buffer >>= 8;
            self.filled -= 8;
        }
    }

    pub(crate) fn finish(mut self) -> Vec<u8> {
        if self.filled > 0 {
            self.bytes.push(self.buffer as u8);
        }
        self.bytes
    }
}

pub(crate) fn zlib(bytes: &[u8], level: u32) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::new(level));
    encoder.write_all(bytes).expect("memory takes all");
    encoder.finish().expect("memory takes all")
}

pub(crate) fn chunk(file: &mut Vec<u8>, kind: &[u8; 4], data: &[u8]) {
    file.extend((data.len() as u32).to_be_bytes());
    file.extend(kind);
    file.extend(data);
    let mut checksum = flate2::Crc::new();
    checksum.update(kind);
    checksum.update(data);
    file.extend(checksum.sum().to_be_bytes());
}
