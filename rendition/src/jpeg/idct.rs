//! The inverse DCT (T.81 section A.3.3) from 8 x 8 coefficients to n x n samples, n from 1 to 8.
//! Its own file because it is pure arithmetic: all in integers, so that every platform makes the
//! same samples, and written over short arrays, so that the compiler turns it into SIMD.

use super::planes::Scale;
use super::zigzag::frequencies;

/// Coefficients of one block, dequantised, in the order of [`Inverse::slots`]; the last entry
/// takes what the scale has no use for.
pub(super) type Block = [i16; 65];

/// A transform that is told where its samples go: the block's first sample and the stride.
type Transform = fn(&Block, &mut [u8], usize);

/// Everything that depends on the scale, chosen once.
pub(super) struct Inverse {
    /// For each place in zigzag order: where in a [`Block`] the coefficient belongs.
    pub(super) slots: [u8; 64],
    /// The places in zigzag order that the scale has a use for.
    pub(super) wanted: u64,
    n: usize,
    all: Transform,
    few: Transform,
}

impl Inverse {
    pub(super) fn new(scale: Scale) -> Self {
        let n = scale.block();
        let (all, few): (Transform, Transform) = match n {
            1 => (flat_block::<1>, flat_block::<1>),
            2 => (transform::<2, 2>, transform::<2, 2>),
            3 => (transform::<3, 3>, transform::<3, 3>),
            4 => (transform::<4, 4>, transform::<4, 4>),
            5 => (transform::<5, 5>, transform::<5, 4>),
            6 => (transform::<6, 6>, transform::<6, 4>),
            7 => (transform::<7, 7>, transform::<7, 4>),
            _ => (transform::<8, 8>, transform::<8, 4>),
        };
        Self {
            slots: slots(n),
            wanted: within(n),
            n,
            all,
            few,
        }
    }

    /// Samples that a block yields in each direction.
    #[inline(always)]
    pub(super) fn samples(&self) -> usize {
        self.n
    }

    /// Makes the samples of a block. Bit k of `present` tells whether the coefficient at place k
    /// of the zigzag order may be other than zero; most blocks have few of them, and low ones.
    #[inline(always)]
    pub(super) fn render(&self, block: &Block, present: u64, out: &mut [u8], stride: usize) {
        const LOW: u64 = within(4);
        let present = present & self.wanted;
        if present & !1 == 0 {
            flat(self.n, block, out, stride);
        } else if present & !LOW == 0 {
            (self.few)(block, out, stride);
        } else {
            (self.all)(block, out, stride);
        }
    }
}

/// Where coefficients go for blocks of n x n samples: transposed, so that the transform, which
/// works along rows first, needs only one transposition of its own.
fn slots(n: usize) -> [u8; 64] {
    let mut slots = [64; 64];
    for (k, slot) in slots.iter_mut().enumerate() {
        let (u, v) = frequencies(k);
        if u < n && v < n {
            *slot = (u * n + v) as u8;
        }
    }
    slots
}

/// The zigzag places of the lowest n x n frequencies.
const fn within(n: usize) -> u64 {
    let mut places = 0;
    let mut k = 0;
    while k < 64 {
        let (u, v) = frequencies(k);
        if u < n && v < n {
            places |= 1 << k;
        }
        k += 1;
    }
    places
}

/// A block of one value: the mean, an eighth of the DC coefficient.
#[inline(always)]
fn flat(n: usize, block: &Block, out: &mut [u8], stride: usize) {
    let value = (((i32::from(block[0]) + 4) >> 3) + 128).clamp(0, 255) as u8;
    for row in out.chunks_mut(stride).take(n) {
        row[..n].fill(value);
    }
}

fn flat_block<const N: usize>(block: &Block, out: &mut [u8], stride: usize) {
    flat(N, block, out, stride);
}

/// Bits after the point in the basis.
pub(super) const BASIS_BITS: u32 = 13;
/// Bits after the point kept between the two passes.
const PASS_BITS: u32 = 2;

/// `BASIS[u][x]`: how much the frequency u adds to sample x of N, times the root of 2 (for u above
/// 0) as in the usual factorisations, so that the frequency 0 has weight 1.
pub(super) const fn basis<const N: usize>() -> [[i16; N]; N] {
    let mut table = [[1 << BASIS_BITS; N]; N];
    let mut u = 1;
    while u < N {
        let mut x = 0;
        while x < N {
            let angle = ((2 * x + 1) * u) as f64 * std::f64::consts::PI / (2 * N) as f64;
            let scaled = std::f64::consts::SQRT_2 * cosine(angle) * (1 << BASIS_BITS) as f64;
            table[u][x] = (if scaled < 0.0 {
                scaled - 0.5
            } else {
                scaled + 0.5
            }) as i16;
            x += 1;
        }
        u += 1;
    }
    table
}

/// The cosine by its power series: the library's is not available in constants.
const fn cosine(angle: f64) -> f64 {
    let turn = 2.0 * std::f64::consts::PI;
    let whole = (angle / turn) as u32 as f64;
    let reduced = angle - whole * turn - std::f64::consts::PI;
    // The series is best near 0, and cos(a) = -cos(a - pi).
    let (mut term, mut sum, mut n) = (1.0, 1.0, 0.0);
    while n < 40.0 {
        term *= -reduced * reduced / ((n + 1.0) * (n + 2.0));
        sum += term;
        n += 2.0;
    }
    -sum
}

/// The lowest K x K coefficients become N x N samples.
fn transform<const N: usize, const K: usize>(block: &Block, out: &mut [u8], stride: usize) {
    let mut columns = [[0; K]; K];
    for (u, column) in columns.iter_mut().enumerate() {
        column.copy_from_slice(&block[u * N..u * N + K]);
    }
    let half = 1 << (BASIS_BITS - PASS_BITS - 1);
    let along = pass::<N, K, K>(&columns, half, BASIS_BITS - PASS_BITS);
    let mut rows = [[0; N]; K];
    for (v, row) in rows.iter_mut().enumerate() {
        for (x, sample) in row.iter_mut().enumerate() {
            // Saturation cannot happen in a picture, and keeps the next pass from overflowing.
            *sample = along[x][v].clamp(i16::MIN.into(), i16::MAX.into()) as i16;
        }
    }
    // The 8 is the transform's own factor; samples are centred on 128.
    let shift = BASIS_BITS + PASS_BITS + 3;
    let samples = pass::<N, K, N>(&rows, (128 << shift) + (1 << (shift - 1)), shift);
    for (row, line) in samples.iter().zip(out.chunks_mut(stride)) {
        for (sample, value) in line[..N].iter_mut().zip(row) {
            *sample = (*value).clamp(0, 255) as u8;
        }
    }
}

/// One dimension: K frequencies become N samples, in L lanes at once.
///
/// Even frequencies are symmetric around the middle and odd ones antisymmetric, so that half of
/// the products serve twice. No sum of any i16 inputs can overflow (the tests prove it).
#[inline(always)]
fn pass<const N: usize, const K: usize, const L: usize>(
    rows: &[[i16; L]; K],
    bias: i32,
    shift: u32,
) -> [[i32; L]; N] {
    let basis = const { basis::<N>() };
    let mut out = [[0; L]; N];
    for x in 0..N.div_ceil(2) {
        let (mut even, mut odd) = ([bias; L], [0; L]);
        for u in 0..K {
            let sum = if u % 2 == 0 { &mut even } else { &mut odd };
            for (total, &coefficient) in sum.iter_mut().zip(&rows[u]) {
                *total += i32::from(coefficient) * i32::from(basis[u][x]);
            }
        }
        for lane in 0..L {
            out[x][lane] = (even[lane] + odd[lane]) >> shift;
            out[N - 1 - x][lane] = (even[lane] - odd[lane]) >> shift;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition in T.81 section A.3.3, for n samples, in floating point.
    fn reference(n: usize, coefficients: &[[f64; 8]; 8]) -> Vec<f64> {
        let weight = |f: usize| if f == 0 { 0.5_f64.sqrt() } else { 1.0 };
        let cos = |x: usize, f: usize| {
            (((2 * x + 1) * f) as f64 * std::f64::consts::PI / (2 * n) as f64).cos()
        };
        let mut samples = Vec::new();
        for y in 0..n {
            for x in 0..n {
                let mut sum = 0.0;
                for (v, row) in coefficients.iter().enumerate().take(n) {
                    for (u, &coefficient) in row.iter().enumerate().take(n) {
                        sum += weight(u) * weight(v) * coefficient * cos(x, u) * cos(y, v);
                    }
                }
                samples.push(sum / 4.0 + 128.0);
            }
        }
        samples
    }

    #[test]
    fn every_scale_is_within_one_of_the_definition() {
        let mut state = 1_u32;
        let mut random = |range: i32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as i32 % range - range / 2
        };
        for n in 1..=8 {
            let inverse = Inverse::new(Scale::new(n).unwrap());
            for round in 0..500 {
                let mut block = [0; 65];
                let mut coefficients = [[0.0; 8]; 8];
                let mut present = 0;
                let last = [1, 4, 10, 64][round % 4];
                for k in 0..last {
                    let value = random(if k == 0 {
                        2000
                    } else {
                        600 / (k as i32 + 1) + 2
                    });
                    let (u, v) = frequencies(k);
                    block[usize::from(inverse.slots[k])] = value as i16;
                    coefficients[v][u] = f64::from(value);
                    present |= u64::from(value != 0) << k;
                }
                let mut out = [0; 64];
                let n = usize::from(n);
                inverse.render(&block, present, &mut out, n);
                for (ours, exact) in out.iter().zip(reference(n, &coefficients)) {
                    let error = (f64::from(*ours) - exact.clamp(0.0, 255.0)).abs();
                    assert!(error < 1.0, "n = {n}: {ours} instead of {exact}");
                }
            }
        }
    }

    #[test]
    fn no_input_overflows() {
        fn worst<const N: usize>() -> i64 {
            let table = basis::<N>();
            let sum = |x: usize| table.iter().map(|row| i64::from(row[x]).abs()).sum::<i64>();
            (0..N).map(sum).max().unwrap() * 32768
        }
        let bias = (128 << (BASIS_BITS + PASS_BITS + 3)) + (1 << (BASIS_BITS + PASS_BITS + 2));
        for sum in [
            worst::<2>(),
            worst::<3>(),
            worst::<5>(),
            worst::<6>(),
            worst::<7>(),
            worst::<8>(),
        ] {
            assert!(sum + bias <= i32::MAX.into());
        }
    }
}
