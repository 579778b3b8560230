//! Expensive JPEGs: long codes, many scans, many tables, many restarts.

use super::noise::Noise;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Recipe {
    pub(crate) width: u16,
    pub(crate) height: u16,
    pub(crate) components: u8,
    /// Sampling factors of the first component; the others have 1 x 1.
    pub(crate) sampling: u8,
    pub(crate) progressive: bool,
    /// Whether every coefficient is present; otherwise only DC is.
    pub(crate) full: bool,
    /// Codes of 16 bits; otherwise of the fewest.
    pub(crate) long_codes: bool,
    /// Restart after each MCU.
    pub(crate) restarts: bool,
    /// Scans of a progressive picture after its first ones.
    pub(crate) refinements: usize,
    pub(crate) turned: bool,
}

/// The most bytes of an upload.
const MOST_BYTES: usize = 16 << 20;

impl Recipe {
    pub(crate) fn plain(width: u16, height: u16) -> Self {
        Self {
            width,
            height,
            components: 3,
            sampling: 0x22,
            progressive: false,
            full: true,
            long_codes: false,
            restarts: false,
            refinements: 0,
            turned: false,
        }
    }

    pub(crate) fn make(&self, noise: &mut Noise) -> Vec<u8> {
        let mut file = vec![0xFF, 0xD8];
        if self.turned {
            segment(
                &mut file,
                0xE1,
                b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0",
            );
        }
        let mut quant = vec![0];
        quant.extend([1; 64]);
        segment(&mut file, 0xDB, &quant);
        let mut frame = vec![8];
        frame.extend(self.height.to_be_bytes());
        frame.extend(self.width.to_be_bytes());
        frame.push(self.components);
        for id in 0..self.components {
            frame.extend([id, if id == 0 { self.sampling } else { 0x11 }, 0]);
        }
        segment(
            &mut file,
            if self.progressive { 0xC2 } else { 0xC0 },
            &frame,
        );
        segment(&mut file, 0xC4, &table(0x00, self.long_codes, &[0, 1, 2]));
        segment(
            &mut file,
            0xC4,
            &table(0x10, self.long_codes, &[0x00, 0x01, 0xE0]),
        );
        if self.restarts {
            segment(&mut file, 0xDD, &[0, 1]);
        }
        if self.progressive {
            self.progressive_scans(&mut file, noise);
        } else {
            self.sequential_scan(&mut file, noise);
        }
        file.extend([0xFF, 0xD9]);
        file
    }

    /// MCUs, and blocks in one.
    fn mcus(&self) -> (usize, usize) {
        let alone = self.components == 1;
        let (across, down) = match self.sampling {
            _ if alone => (1, 1),
            sampling => (usize::from(sampling >> 4), usize::from(sampling & 15)),
        };
        let count = usize::from(self.width).div_ceil(8 * across)
            * usize::from(self.height).div_ceil(8 * down);
        (count, across * down + usize::from(self.components) - 1)
    }

    /// Blocks of a component, when it is coded alone.
    fn blocks(&self, component: u8) -> usize {
        let (across, down) = (
            usize::from(self.sampling >> 4),
            usize::from(self.sampling & 15),
        );
        let (width, height) = (usize::from(self.width), usize::from(self.height));
        if component == 0 || self.components == 1 {
            width.div_ceil(8) * height.div_ceil(8)
        } else {
            width.div_ceil(across).div_ceil(8) * height.div_ceil(down).div_ceil(8)
        }
    }

    fn codes(&self) -> [(u32, u32); 3] {
        codes(self.long_codes)
    }

    fn sequential_scan(&self, file: &mut Vec<u8>, noise: &mut Noise) {
        scan(file, &(0..self.components).collect::<Vec<_>>(), 0, 63, 0);
        let (mcus, blocks) = self.mcus();
        let [zero, one, _] = self.codes();
        // As many full blocks as the upload has room for.
        let per_block = if self.full {
            63 * (one.1 as usize + 1) / 8 + 1
        } else {
            1
        };
        let room = MOST_BYTES.saturating_sub(file.len() + mcus * blocks * 2);
        let mut full = if self.full { room / (per_block + 2) } else { 0 };
        let mut bits = Bits::default();
        for mcu in 0..mcus {
            if self.restarts && mcu > 0 {
                bits.restart(mcu - 1);
            }
            for _ in 0..blocks {
                bits.put(one.0, one.1);
                bits.put(noise.next() as u32 & 1, 1);
                if full > 0 {
                    full -= 1;
                    for _ in 0..63 {
                        bits.put(one.0, one.1);
                        bits.put(noise.next() as u32 & 1, 1);
                    }
                } else {
                    bits.put(zero.0, zero.1);
                }
            }
        }
        bits.finish(file);
    }

    fn progressive_scans(&self, file: &mut Vec<u8>, noise: &mut Noise) {
        let [zero, one, many] = self.codes();
        let all: Vec<u8> = (0..self.components).collect();
        scan(file, &all, 0, 0, 0x0D);
        let (mcus, blocks) = self.mcus();
        let mut bits = Bits::default();
        for mcu in 0..mcus {
            if self.restarts && mcu > 0 {
                bits.restart(mcu - 1);
            }
            for _ in 0..blocks {
                bits.put(zero.0, zero.1);
            }
        }
        bits.finish(file);
        let mut left = self.refinements;
        for low in (0..13).rev() {
            if left == 0 || file.len() + mcus * blocks / 8 > MOST_BYTES {
                break;
            }
            left -= 1;
            scan(file, &all, 0, 0, (low + 1) << 4 | low);
            let mut bits = Bits::default();
            for _ in 0..mcus * blocks {
                bits.put(noise.next() as u32 & 1, 1);
            }
            bits.finish(file);
        }
        // A band for each coefficient, first and then refined bit by bit.
        for component in 0..self.components {
            let count = self.blocks(component);
            let bands: &[(u8, u8)] = if self.full {
                &[(1, 63)]
            } else {
                &[(1, 21), (22, 42), (43, 63)]
            };
            for &(first, last) in bands {
                let width = usize::from(last - first + 1);
                for step in 0..14 {
                    let is_first = step == 0;
                    let bytes = match (self.full, is_first) {
                        (true, true) => count * width * (one.1 as usize + 1) / 8,
                        (true, false) => count * width / 8,
                        (false, _) => count / 8_000 + 64,
                    };
                    if left == 0 || file.len() + bytes + (1 << 16) > MOST_BYTES {
                        break;
                    }
                    left -= 1;
                    let (high, low) = if is_first {
                        (0, 13)
                    } else {
                        (14 - step, 13 - step)
                    };
                    scan(file, &[component], first, last, high << 4 | low);
                    let mut bits = Bits::default();
                    if is_first && self.full {
                        for _ in 0..count * width {
                            bits.put(one.0, one.1);
                            bits.put(noise.next() as u32 & 1, 1);
                        }
                    } else {
                        let mut idle = count;
                        while idle > 0 {
                            // Runs of 2^14 blocks, then the rest.
                            let run = idle.min(1 << 14);
                            if run == 1 << 14 {
                                bits.put(many.0, many.1);
                                bits.put(0, 14);
                                if self.full {
                                    refine(&mut bits, run * width, noise);
                                }
                                idle -= run;
                            } else {
                                bits.put(zero.0, zero.1);
                                if self.full {
                                    refine(&mut bits, width, noise);
                                }
                                idle -= 1;
                            }
                        }
                    }
                    bits.finish(file);
                }
            }
        }
    }
}

fn refine(bits: &mut Bits, count: usize, noise: &mut Noise) {
    for _ in 0..count / 32 {
        bits.put(noise.next() as u32, 32);
    }
    bits.put(0, (count % 32) as u32);
}

/// The codes for the three symbols of a table.
fn codes(long: bool) -> [(u32, u32); 3] {
    if long {
        // Codes of 1 to 13 bits go to symbols that do not occur.
        [(0xFFF8, 16), (0xFFF9, 16), (0xFFFA, 16)]
    } else {
        [(0b0, 1), (0b10, 2), (0b110, 3)]
    }
}

fn table(head: u8, long: bool, symbols: &[u8; 3]) -> Vec<u8> {
    let mut table = vec![head];
    if long {
        table.extend([1; 13]);
        table.extend([0, 0, 3]);
        table.extend([symbols[0]; 13]);
    } else {
        table.extend([1, 1, 1]);
        table.extend([0; 13]);
    }
    table.extend(symbols);
    table
}

fn scan(file: &mut Vec<u8>, components: &[u8], first: u8, last: u8, approximation: u8) {
    let mut payload = vec![components.len() as u8];
    for &component in components {
        payload.extend([component, 0]);
    }
    payload.extend([first, last, approximation]);
    segment(file, 0xDA, &payload);
}

pub(crate) fn segment(file: &mut Vec<u8>, marker: u8, payload: &[u8]) {
    file.extend([0xFF, marker]);
    file.extend((payload.len() as u16 + 2).to_be_bytes());
    file.extend(payload);
}

/// A bit writer, the highest bit of each byte first, with stuffed zeros.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    buffer: u64,
    filled: u32,
}

impl Bits {
    fn put(&mut self, value: u32, count: u32) {
        self.buffer = self.buffer << count | u64::from(value);
        self.filled += count;
        while self.filled >= 8 {
            self.filled -= 8;
            let byte = (self.buffer >> self.filled) as u8;
            self.bytes.push(byte);
            if byte == 0xFF {
                self.bytes.push(0);
            }
        }
    }

    fn pad(&mut self) {
        let missing = (8 - self.filled % 8) % 8;
        self.put((1 << missing) - 1, missing);
    }

    fn restart(&mut self, number: usize) {
        self.pad();
        self.bytes.extend([0xFF, 0xD0 + (number % 8) as u8]);
    }

    fn finish(mut self, file: &mut Vec<u8>) {
        self.pad();
        file.extend(self.bytes);
    }
}
