//! The forward DCT (T.81 section A.3.3) and quantisation, for the encoder. Its own file because it
//! is pure arithmetic, in integers so that every platform makes the same bytes, and written over
//! arrays of eight so that the compiler turns it into SIMD.

use super::idct::{BASIS_BITS, basis};
use super::zigzag::frequencies;

/// Eight rows of samples, or the coefficients of a block, one vector each.
pub(super) type Rows = [[i16; 8]; 8];

/// Bits after the point kept between the two passes, and after the last one.
const PASS_BITS: u32 = 2;
const RESULT_BITS: u32 = 3;

/// Coefficients of samples that are centred on 0: `[u][v]`, horizontal frequency first, times 8.
pub(super) fn transform(samples: &Rows) -> Rows {
    let down = pass(samples, BASIS_BITS - PASS_BITS);
    let mut columns = [[0; 8]; 8];
    for (x, column) in columns.iter_mut().enumerate() {
        for (v, value) in column.iter_mut().enumerate() {
            *value = down[v][x];
        }
    }
    // The 3 is the transform's own factor of an eighth.
    pass(&columns, BASIS_BITS + PASS_BITS + 3 - RESULT_BITS)
}

/// One dimension in eight lanes: samples become frequencies. Samples mirrored at the middle have
/// equal weights for even frequencies and opposite ones for odd.
#[inline(always)]
fn pass(rows: &Rows, shift: u32) -> Rows {
    let basis = const { basis::<8>() };
    let mut sums = [[0_i16; 8]; 4];
    let mut differences = [[0_i16; 8]; 4];
    for x in 0..4 {
        for lane in 0..8 {
            sums[x][lane] = rows[x][lane] + rows[7 - x][lane];
            differences[x][lane] = rows[x][lane] - rows[7 - x][lane];
        }
    }
    let mut out = [[0; 8]; 8];
    for (u, result) in out.iter_mut().enumerate() {
        let inputs = if u % 2 == 0 { &sums } else { &differences };
        let mut total = [1 << (shift - 1); 8];
        for (input, &weight) in inputs.iter().zip(&basis[u]) {
            for (sum, &value) in total.iter_mut().zip(input) {
                *sum += i32::from(value) * i32::from(weight);
            }
        }
        for (value, sum) in result.iter_mut().zip(total) {
            *value = (sum >> shift) as i16;
        }
    }
    out
}

/// Divides by the quantisation steps without division.
pub(super) struct Quantiser {
    /// Half a step, then two factors whose product is the reciprocal of a step; all in the order
    /// of the coefficients.
    half: [u16; 64],
    reciprocal: [u16; 64],
    shift: [u16; 64],
}

impl Quantiser {
    /// Takes steps of 1 to 255 in zigzag order.
    pub(super) fn new(steps: &[u8; 64]) -> Self {
        let mut this = Self {
            half: [0; 64],
            reciprocal: [0; 64],
            shift: [0; 64],
        };
        for (k, &step) in steps.iter().enumerate() {
            let (u, v) = frequencies(k);
            let place = u * 8 + v;
            let divisor = u32::from(step) << RESULT_BITS;
            // Exact for all dividends below 2^14, which holds for the sum of any coefficient and
            // half a step: the reciprocal is off by less than 2^-14 / divisor.
            let bits = 15 + divisor.ilog2();
            this.half[place] = (divisor / 2) as u16;
            this.reciprocal[place] = (1_u32 << bits).div_ceil(divisor) as u16;
            this.shift[place] = (1_u32 << (32 - bits)) as u16;
        }
        this
    }

    /// Coefficients from [`transform`] to whole steps, rounded to the nearest, in the same order.
    pub(super) fn quantise(&self, coefficients: &Rows) -> [i16; 64] {
        let high = |a: u16, b: u16| ((u32::from(a) * u32::from(b)) >> 16) as u16;
        let mut out = [0; 64];
        for (place, &value) in coefficients.as_flattened().iter().enumerate() {
            let size = value.unsigned_abs() + self.half[place];
            let steps = high(high(size, self.reciprocal[place]), self.shift[place]).cast_signed();
            out[place] = if value < 0 { -steps } else { steps };
        }
        out
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
                let got = quantiser.quantise(&[[value; 8]; 8]);
                assert!(
                    got.iter().all(|&steps| i32::from(steps) == expected),
                    "{value} / {step}"
                );
            }
        }
    }

    #[test]
    fn coefficients_are_those_of_the_definition() {
        let mut samples = [[0; 8]; 8];
        for round in 0..200_i32 {
            for (place, sample) in samples.as_flattened_mut().iter_mut().enumerate() {
                let mixed = (place as i32 + 64 * round).wrapping_mul(0x9E37_79B1_u32.cast_signed());
                *sample = if round == 0 {
                    -128
                } else {
                    (mixed >> 24) as i16
                };
            }
            let coefficients = transform(&samples);
            for (place, &got) in coefficients.as_flattened().iter().enumerate() {
                let (u, v) = (place / 8, place % 8);
                let exact = definition(&samples, u, v) * 8.0;
                let error = (f64::from(got) - exact).abs();
                assert!(error < 2.0, "({u}, {v}): {got} instead of {exact}");
            }
        }
    }

    fn definition(samples: &Rows, u: usize, v: usize) -> f64 {
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
