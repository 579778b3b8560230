//! Expensive WebPs: lossless ones with many codes and transforms, lossy ones full of noise.

use super::noise::Noise;
use super::png::Bits;

/// A file of chunks.
pub(crate) fn file(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let mut body = b"WEBP".to_vec();
    for (name, data) in chunks {
        body.extend(*name);
        body.extend((data.len() as u32).to_le_bytes());
        body.extend(*data);
        if data.len() % 2 == 1 {
            body.push(0);
        }
    }
    let mut file = b"RIFF".to_vec();
    file.extend((body.len() as u32).to_le_bytes());
    file.extend(body);
    file
}

/// The first chunk of an extended file.
pub(crate) fn extended(flags: u8, width: u32, height: u32) -> Vec<u8> {
    let mut data = vec![flags, 0, 0, 0];
    data.extend(&(width - 1).to_le_bytes()[..3]);
    data.extend(&(height - 1).to_le_bytes()[..3]);
    data
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Lossless {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) has_alpha: bool,
    pub(crate) predictor: Option<u32>,
    pub(crate) colour: Option<u32>,
    pub(crate) subtract_green: bool,
    pub(crate) palette: Option<u32>,
    pub(crate) cache_bits: Option<u32>,
    /// Groups of codes; more than one needs a picture of blocks.
    pub(crate) groups: u32,
    /// The longest code of each of the four colours, in bits; 0 for a single symbol that takes
    /// none.
    pub(crate) longest: u32,
    /// Bytes of noise as pixels.
    pub(crate) payload: usize,
}

impl Lossless {
    pub(crate) fn plain(width: u32, height: u32) -> Self {
        Self {
            width,
            height,
            has_alpha: false,
            predictor: None,
            colour: None,
            subtract_green: false,
            palette: None,
            cache_bits: None,
            groups: 1,
            longest: 8,
            payload: 15 << 20,
        }
    }

    /// The data of a `VP8L` chunk.
    pub(crate) fn make(&self, noise: &mut Noise) -> Vec<u8> {
        let mut bits = Bits::default();
        bits.put(0x2F, 8);
        bits.put(self.width - 1, 14);
        bits.put(self.height - 1, 14);
        bits.put(u32::from(self.has_alpha), 1);
        bits.put(0, 3);
        self.body(&mut bits, noise);
        bits.finish()
    }

    /// The same without the header, as in an alpha plane.
    pub(crate) fn body(&self, bits: &mut Bits, noise: &mut Noise) {
        let mut width = self.width;
        if let Some(colours) = self.palette {
            bits.put(1, 1);
            bits.put(3, 2);
            bits.put(colours - 1, 8);
            flat_picture(bits, 8);
            let packing = match colours {
                0..=2 => 3,
                3..=4 => 2,
                5..=16 => 1,
                _ => 0,
            };
            width = width.div_ceil(1 << packing);
        }
        for (kind, size) in [(0, self.predictor), (1, self.colour)] {
            if let Some(size) = size {
                bits.put(1, 1);
                bits.put(kind, 2);
                bits.put(size - 2, 3);
                let count = width.div_ceil(1 << size) * self.height.div_ceil(1 << size);
                noise_picture(bits, noise, count);
            }
        }
        if self.subtract_green {
            bits.put(1, 1);
            bits.put(2, 2);
        }
        bits.put(0, 1);
        match self.cache_bits {
            Some(size) => {
                bits.put(1, 1);
                bits.put(size, 4);
            }
            None => bits.put(0, 1),
        }
        if self.groups > 1 {
            bits.put(1, 1);
            // The largest possible blocks, all of the last group.
            bits.put(7, 3);
            bits.put(0, 1);
            let last = self.groups - 1;
            for symbol in [last & 0xFF, last >> 8, 0, 0, 0] {
                single(bits, symbol);
            }
        } else {
            bits.put(0, 1);
        }
        for _ in 0..self.groups {
            let cached = self.cache_bits.map_or(0, |size| 1 << size);
            for alphabet in [280 + cached, 256, 256, 256] {
                code(bits, self.longest, alphabet);
            }
            single(bits, 0);
        }
        for byte in noise.bytes(self.payload) {
            bits.put(byte.into(), 8);
        }
    }
}

/// A code of one symbol.
fn single(bits: &mut Bits, symbol: u32) {
    bits.put(0b001, 2);
    bits.put(1, 1);
    bits.put(symbol, 8);
}

/// A code whose longest codes have this many bits; every sequence of bits is valid.
fn code(bits: &mut Bits, longest: u32, alphabet: u32) {
    match longest {
        0 => return single(bits, 7),
        1 => {
            bits.put(0b11, 2);
            bits.put(1, 1);
            bits.put(7, 8);
            return bits.put(9, 8);
        }
        _ => {}
    }
    bits.put(0, 1);
    if longest <= 8 {
        // As many symbols of the same length as possible: their lengths take no bits.
        let place = [0, 3, 4, 5, 6, 7, 9, 10, 11][longest as usize];
        bits.put(place + 1 - 4, 4);
        for at in 0..=place {
            bits.put(u32::from(at == place), 3);
        }
        limit(bits, (1 << longest).min(alphabet));
        return;
    }
    // One symbol each of 1, 2, 3 and more bits, two of the longest.
    bits.put(15, 4);
    for at in 0..19 {
        // 16 lengths in four bits each: 0 to 15; no repeats.
        bits.put(if [0, 1, 8].contains(&at) { 0 } else { 4 }, 3);
    }
    limit(bits, longest + 1);
    for length in (1..=longest).chain([longest]) {
        bits.put(length.reverse_bits() >> 28, 4);
    }
}

/// The number of code lengths that follow.
fn limit(bits: &mut Bits, count: u32) {
    bits.put(1, 1);
    bits.put(7, 3);
    bits.put(count - 2, 16);
}

/// A picture within the picture, all of whose pixels are the same.
fn flat_picture(bits: &mut Bits, symbol: u32) {
    bits.put(0, 1);
    for _ in 0..5 {
        single(bits, symbol);
    }
}

/// A picture within the picture, of greens from 0 to 13, which are the existing modes, and random
/// other colours.
fn noise_picture(bits: &mut Bits, noise: &mut Noise, count: u32) {
    bits.put(0, 1);
    code(bits, 4, 280);
    for _ in 0..3 {
        code(bits, 4, 256);
    }
    single(bits, 0);
    for _ in 0..count {
        // The first bit of a code comes first.
        bits.put((noise.below(14) as u32).reverse_bits() >> 28, 4);
        bits.put(noise.next() as u32 >> 20, 12);
    }
}

/// The data of a `VP8 ` chunk. Any bytes decode to something, so that noise suffices for all but
/// the size of the first partition; `head` begins that partition, and determines filters and
/// tables.
pub(crate) fn lossy(
    width: u32,
    height: u32,
    payload: usize,
    head: &[u8],
    noise: &mut Noise,
) -> Vec<u8> {
    let blocks = width.div_ceil(16) as usize * height.div_ceil(16) as usize;
    let first = (blocks * 8).clamp(64, (1 << 19) - 1);
    let mut data = ((first as u32) << 5 | 0b1_0000).to_le_bytes()[..3].to_vec();
    data.extend([0x9D, 0x01, 0x2A]);
    data.extend((width as u16).to_le_bytes());
    data.extend((height as u16).to_le_bytes());
    data.extend(head);
    data.extend(noise.bytes(first - head.len() + payload));
    data
}

/// Beginnings of a first partition that decode, some with all filters on.
pub(crate) fn lossy_heads(count: usize) -> Vec<Vec<u8>> {
    let mut noise = Noise::new(8);
    let mut heads = Vec::new();
    while heads.len() < count {
        let head = noise.bytes(40);
        let data = lossy(16, 16, 4_096, &head, &mut noise);
        if photolog_rendition::make_master(&file(&[(b"VP8 ", &data)])).is_ok() {
            heads.push(head);
        }
    }
    heads
}
