//! The forward DCT (T.81 section A.3.3) and quantisation, for the encoder. Its own file because it
//! is pure arithmetic, in integers so that every platform makes the same bytes. Like the inverse
//! transform, it is built on sums of pairs of products.

use bytemuck::cast;
use wide::{i16x8, i32x4, u16x8};

use super::basis::{BASIS_BITS, basis};
use super::idct::pack;
use super::zigzag::frequencies;

/// Eight rows of samples, or the coefficients of a block, one vector each.
pub(super) type Rows = [i16x8; 8];

/// Bits after the binary point between the two passes, and after the last one.
const PASS_BITS: u32 = 2;
const RESULT_BITS: u32 = 3;

/// Coefficients of samples that are centred on 0: `[u][v]`, horizontal frequency first, times 8.
pub(super) fn transform(samples: &Rows) -> Rows {
    let down = pass(samples, BASIS_BITS - PASS_BITS);
    // The 3 is the transform's own factor of an eighth.
    pass(
        &i16x8::transpose(down),
        BASIS_BITS + PASS_BITS + 3 - RESULT_BITS,
    )
}

/// One dimension in eight lanes: samples become frequencies. Samples mirrored at the middle have
/// equal weights for even frequencies and opposite ones for odd.
#[inline(always)]
fn pass(rows: &Rows, shift: u32) -> Rows {
    let weights = const { pair_weights() };
    let sum = |x: usize| rows[x] + rows[7 - x];
    let difference = |x: usize| rows[x] - rows[7 - x];
    let even = [interleaved(sum(0), sum(1)), interleaved(sum(2), sum(3))];
    let odd = [
        interleaved(difference(0), difference(1)),
        interleaved(difference(2), difference(3)),
    ];
    let round = i32x4::splat(1 << (shift - 1));
    std::array::from_fn(|u| {
        let pairs = if u % 2 == 0 { &even } else { &odd };
        let [first, second] = weights[u].map(i16x8::from);
        let half =
            |half: usize| (pairs[0][half].dot(first) + pairs[1][half].dot(second) + round) >> shift;
        pack(half(0), half(1))
    })
}

/// Interleaves the lanes of two vectors.
#[inline(always)]
fn interleaved(a: i16x8, b: i16x8) -> [i16x8; 2] {
    let (a, b) = (a.to_array(), b.to_array());
    let half = |from: usize| -> [i16; 8] {
        std::array::from_fn(|i| {
            if i % 2 == 0 {
                a[from + i / 2]
            } else {
                b[from + i / 2]
            }
        })
    };
    [half(0).into(), half(4).into()]
}

/// For each frequency the weights of samples 0 and 1, and of 2 and 3, four times over.
const fn pair_weights() -> [[[i16; 8]; 2]; 8] {
    let basis = basis::<8>();
    let mut weights = [[[0; 8]; 2]; 8];
    let mut place = 0;
    while place < 8 * 2 * 8 {
        let (u, pair, lane) = (place / 16, place / 8 % 2, place % 8);
        weights[u][pair][lane] = basis[u][pair * 2 + lane % 2];
        place += 1;
    }
    weights
}

/// Divides by the quantisation steps without division. All arrays are in the order of the
/// coefficients.
pub(super) struct Quantiser {
    /// Half a step.
    half: [u16x8; 8],
    /// Two factors whose product is the reciprocal of a step.
    reciprocal: [u16x8; 8],
    shift: [u16x8; 8],
}

impl Quantiser {
    /// Takes steps of 1 to 255 in zigzag order.
    pub(super) fn new(steps: &[u8; 64]) -> Self {
        let [mut half, mut reciprocal, mut shift] = [[[0_u16; 8]; 8]; 3];
        for (k, &step) in steps.iter().enumerate() {
            let (u, v) = frequencies(k);
            let divisor = u32::from(step) << RESULT_BITS;
            // Exact for all dividends below 2^14, which holds for the sum of any coefficient and
            // half a step: the reciprocal is off by less than 2^-14 / divisor.
            let bits = 15 + divisor.ilog2();
            half[u][v] = (divisor / 2) as u16;
            reciprocal[u][v] = (1_u32 << bits).div_ceil(divisor) as u16;
            shift[u][v] = (1_u32 << (32 - bits)) as u16;
        }
        let vectors = |table: [[u16; 8]; 8]| table.map(u16x8::from);
        Self {
            half: vectors(half),
            reciprocal: vectors(reciprocal),
            shift: vectors(shift),
        }
    }

    /// Coefficients from [`transform`] to whole steps, rounded to the nearest, in the same order.
    #[inline(always)]
    pub(super) fn quantise(&self, coefficients: &Rows) -> Rows {
        std::array::from_fn(|u| {
            let value = coefficients[u];
            let size = cast::<i16x8, u16x8>(value.abs()) + self.half[u];
            let steps = size
                .mul_keep_high(self.reciprocal[u])
                .mul_keep_high(self.shift[u]);
            let sign = value.is_negative();
            (cast::<u16x8, i16x8>(steps) ^ sign) - sign
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantising_is_exact_division() {
        for step in 1..=255 {
            let quantiser = Quantiser::new(&[step; 64]);
            for value in -9000..=9000_i16 {
                let divisor = i32::from(step) * 8;
                let expected = (i32::from(value).abs() + divisor / 2) / divisor;
                let expected = expected * i32::from(value).signum();
                let got: [i16; 64] = cast(quantiser.quantise(&[i16x8::splat(value); 8]));
                assert!(
                    got.iter().all(|&steps| i32::from(steps) == expected),
                    "{value} / {step}"
                );
            }
        }
    }

    #[test]
    fn coefficients_are_those_of_the_definition() {
        let mut samples = [[0_i16; 8]; 8];
        for round in 0..200_i32 {
            for (place, sample) in samples.as_flattened_mut().iter_mut().enumerate() {
                let mixed = (place as i32 + 64 * round).wrapping_mul(0x9E37_79B1_u32.cast_signed());
                *sample = if round == 0 {
                    -128
                } else {
                    (mixed >> 24) as i16
                };
            }
            let coefficients: [i16; 64] = cast(transform(&samples.map(i16x8::from)));
            for (place, &got) in coefficients.iter().enumerate() {
                let (u, v) = (place / 8, place % 8);
                let exact = definition(&samples, u, v) * 8.0;
                let error = (f64::from(got) - exact).abs();
                assert!(error < 2.0, "({u}, {v}): {got} instead of {exact}");
            }
        }
    }

    fn definition(samples: &[[i16; 8]; 8], u: usize, v: usize) -> f64 {
        let weight = |f: usize| if f == 0 { 0.5_f64.sqrt() } else { 1.0 };
        let cos =
            |x: usize, f: usize| (((2 * x + 1) * f) as f64 * std::f64::consts::PI / 16.0).cos();
        let mut sum = 0.0;
        for (y, row) in samples.iter().enumerate() {
            for (x, &sample) in row.iter().enumerate() {
                sum += f64::from(sample) * cos(x, u) * cos(y, v);
            }
        }
        sum * weight(u) * weight(v) / 4.0
    }
}
