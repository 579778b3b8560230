//! The transforms of a lossless WebP picture (RFC 9649, section 4), undone row by row. A pixel is
//! a word of alpha, red, green and blue, from the highest byte to the lowest.

/// A transform and the data needed to undo it.
pub(super) enum Transform {
    /// Pixels are differences from what their neighbours predict.
    Predictor {
        /// Side of a block that shares a mode, as a power of two.
        bits: u32,
        /// The mode of each block, in rows of `across`.
        modes: Vec<u8>,
        across: usize,
        /// The row above, and one pixel more: the pixel to the upper right of a row's last pixel is
        /// the first one of that row itself.
        above: Vec<u32>,
    },
    /// Red and blue are differences from multiples of green, blue also of red.
    Colour {
        bits: u32,
        /// The multipliers of each block, as a pixel.
        factors: Vec<u32>,
        across: usize,
    },
    /// Red and blue are differences from green.
    SubtractGreen,
    /// Green is an index into a palette; several may share a pixel.
    Palette {
        colours: Vec<u32>,
        /// How many share a pixel, as a power of two.
        packing: u32,
        /// Width of the picture.
        width: usize,
    },
}

/// Opaque black.
const BLACK: u32 = 0xFF00_0000;

impl Transform {
    /// Undoes the transform in row `y`.
    pub(super) fn undo(&mut self, y: usize, row: &mut Vec<u32>) {
        match self {
            Self::Predictor {
                bits,
                modes,
                across,
                above,
            } => {
                let first = (y >> *bits) * *across;
                if let Some(modes) = modes.get(first..first + *across) {
                    unpredict(y, row, above, modes, *bits);
                }
            }
            Self::Colour {
                bits,
                factors,
                across,
            } => {
                let first = (y >> *bits) * *across;
                let factors = factors.get(first..).unwrap_or_default();
                for (block, &factors) in row.chunks_mut(1 << *bits).zip(factors) {
                    recolour(block, factors);
                }
            }
            Self::SubtractGreen => {
                for pixel in row {
                    let green = *pixel >> 8 & 0xFF;
                    *pixel = add(*pixel, green << 16 | green);
                }
            }
            Self::Palette {
                colours,
                packing,
                width,
            } => unpack(row, colours, *packing, *width),
        }
    }
}

/// Adds each byte separately.
#[inline(always)]
fn add(a: u32, b: u32) -> u32 {
    let even = (a & 0x00FF_00FF).wrapping_add(b & 0x00FF_00FF) & 0x00FF_00FF;
    let odd = (a & 0xFF00_FF00).wrapping_add(b & 0xFF00_FF00) & 0xFF00_FF00;
    even | odd
}

/// The mean of each byte, rounded down.
#[inline(always)]
fn mean(a: u32, b: u32) -> u32 {
    (((a ^ b) & 0xFEFE_FEFE) >> 1) + (a & b)
}

fn unpredict(y: usize, row: &mut [u32], above: &mut Vec<u32>, modes: &[u8], bits: u32) {
    let width = row.len();
    above.resize(width + 1, 0);
    if y == 0 {
        let mut left = BLACK;
        for pixel in row.iter_mut() {
            *pixel = add(*pixel, left);
            left = *pixel;
        }
    } else if let Some(first) = row.first_mut() {
        *first = add(*first, above[0]);
        above[width] = *first;
        for (block, &mode) in modes.iter().enumerate() {
            let start = (block << bits).max(1);
            let end = ((block + 1) << bits).min(width);
            if start < end {
                unpredict_block(mode, row, above, start..end);
            }
        }
    }
    above[..width].copy_from_slice(row);
}

/// Pixels of a row that share a mode (section 4.1). The `match` is outside the loops.
fn unpredict_block(mode: u8, row: &mut [u32], above: &[u32], range: std::ops::Range<usize>) {
    let left = row[range.start - 1];
    // The upper left, upper and upper right neighbours of each pixel.
    let above = &above[range.start - 1..=range.end];
    let row = &mut row[range];
    let row = (row, above, left);
    match mode {
        1 => follow(row, |left, _, _, _| left),
        2 => follow(row, |_, _, top, _| top),
        3 => follow(row, |_, _, _, right| right),
        4 => follow(row, |_, corner, _, _| corner),
        5 => follow(row, |left, _, top, right| mean(mean(left, right), top)),
        6 => follow(row, |left, corner, _, _| mean(left, corner)),
        7 => follow(row, |left, _, top, _| mean(left, top)),
        8 => follow(row, |_, corner, top, _| mean(corner, top)),
        9 => follow(row, |_, _, top, right| mean(top, right)),
        10 => follow(row, |left, corner, top, right| {
            mean(mean(left, corner), mean(top, right))
        }),
        11 => follow(row, |left, corner, top, _| select(left, corner, top)),
        12 => follow(row, |left, corner, top, _| gradient(left, corner, top)),
        13 => follow(row, |left, corner, top, _| half_gradient(left, corner, top)),
        _ => follow(row, |_, _, _, _| BLACK),
    }
}

#[inline(always)]
fn follow(
    (row, above, mut left): (&mut [u32], &[u32], u32),
    predict: impl Fn(u32, u32, u32, u32) -> u32,
) {
    for (pixel, near) in row.iter_mut().zip(above.windows(3)) {
        *pixel = add(*pixel, predict(left, near[0], near[1], near[2]));
        left = *pixel;
    }
}

/// Left or top, whichever is nearer to left + top - corner.
#[inline(always)]
fn select(left: u32, corner: u32, top: u32) -> u32 {
    let distance = |a: u32, b: u32| -> u32 {
        let (a, b) = (a.to_le_bytes(), b.to_le_bytes());
        a.iter()
            .zip(b)
            .map(|(&a, b)| u32::from(a.abs_diff(b)))
            .sum()
    };
    if distance(top, corner) < distance(left, corner) {
        left
    } else {
        top
    }
}

/// Left + top - corner, each byte clamped.
#[inline(always)]
fn gradient(left: u32, corner: u32, top: u32) -> u32 {
    let (left, corner, top) = (left.to_le_bytes(), corner.to_le_bytes(), top.to_le_bytes());
    u32::from_le_bytes(std::array::from_fn(|byte| {
        let sum = i16::from(left[byte]) + i16::from(top[byte]) - i16::from(corner[byte]);
        sum.clamp(0, 255) as u8
    }))
}

/// The mean of left and top, plus half of its difference from the corner.
#[inline(always)]
fn half_gradient(left: u32, corner: u32, top: u32) -> u32 {
    let (mean, corner) = (mean(left, top).to_le_bytes(), corner.to_le_bytes());
    u32::from_le_bytes(std::array::from_fn(|byte| {
        let mean = i16::from(mean[byte]);
        (mean + (mean - i16::from(corner[byte])) / 2).clamp(0, 255) as u8
    }))
}

/// Section 4.2.
fn recolour(block: &mut [u32], factors: u32) {
    let [green_to_red, green_to_blue, red_to_blue, _] = factors.to_le_bytes();
    let delta = |factor: u8, colour: u8| {
        let product = i32::from(factor.cast_signed()) * i32::from(colour.cast_signed());
        (product >> 5) as u8
    };
    for pixel in block {
        let [blue, green, red, alpha] = pixel.to_le_bytes();
        let red = red.wrapping_add(delta(green_to_red, green));
        let blue = blue
            .wrapping_add(delta(green_to_blue, green))
            .wrapping_add(delta(red_to_blue, red));
        *pixel = u32::from_le_bytes([blue, green, red, alpha]);
    }
}

/// Section 4.4. An index outside the palette is transparent black.
fn unpack(row: &mut Vec<u32>, colours: &[u32], packing: u32, width: usize) {
    let colour = |place: u32| colours.get(place as usize).copied().unwrap_or(0);
    if packing == 0 {
        for pixel in row {
            *pixel = colour(*pixel >> 8 & 0xFF);
        }
        return;
    }
    let bits = 8 >> packing;
    let packed = row.len();
    row.resize(width, 0);
    // From the end, because each pixel is spread over its own and later positions.
    for from in (0..packed).rev() {
        let green = row[from] >> 8 & 0xFF;
        let first = from << packing;
        let end = (first + (1 << packing)).min(width);
        for (at, pixel) in row[first..end].iter_mut().enumerate() {
            *pixel = colour(green >> (at as u32 * bits) & ((1 << bits) - 1));
        }
    }
}
