//! The inverse DCT (T.81 section A.3.3) from 8 x 8 coefficients to n x n samples, n from 1 to 8.
//! Its own file because it is pure arithmetic, all in integers, so that every platform makes the
//! same samples.
//!
//! It is built on one instruction that SSE2, NEON and WASM all have: products of eight pairs of
//! 16-bit numbers, added two by two into four sums ([`i16x8::dot`]). On its own, the compiler finds
//! little or no SIMD here; this takes a quarter of the instructions.

use bytemuck::cast;
use wide::{i16x8, i32x4, i32x8, u8x16};

use super::basis::{BASIS_BITS, basis};
use super::planes::Scale;
use super::zigzag::frequencies;

/// Coefficients of one block, dequantised. Those of two horizontal frequencies lie side by side, as
/// the sums of pairs require: see [`slot`]. The last entry takes coefficients that a scale does not
/// use.
pub(super) type Block = [i16; 65];

/// A transform that writes its samples at the block's first sample, with the given stride.
type Transform = fn(&Block, &mut [u8], usize);

/// Everything that depends on the scale, chosen once.
pub(super) struct Inverse {
    /// For each position in zigzag order: the coefficient's index in a [`Block`].
    pub(super) slots: [u8; 64],
    /// The positions in zigzag order that the scale uses.
    pub(super) wanted: u64,
    n: usize,
    flat: Transform,
    few: Transform,
    all: Transform,
}

impl Inverse {
    pub(super) fn new(scale: Scale) -> Self {
        let n = scale.block();
        let [flat, few, all]: [Transform; 3] = match n {
            1 => [flat::<1>; 3],
            2 => [flat::<2>, transform_few::<2>, transform_few::<2>],
            3 => [flat::<3>, transform_few::<3>, transform_few::<3>],
            4 => [flat::<4>, transform_few::<4>, transform_few::<4>],
            5 => [flat::<5>, transform_few::<5>, transform_all::<5>],
            6 => [flat::<6>, transform_few::<6>, transform_all::<6>],
            7 => [flat::<7>, transform_few::<7>, transform_all::<7>],
            _ => [flat::<8>, transform_few::<8>, transform_all::<8>],
        };
        Self {
            slots: slots(n),
            wanted: within(n),
            n,
            flat,
            few,
            all,
        }
    }

    /// Samples of a block in each direction.
    #[inline(always)]
    pub(super) fn samples(&self) -> usize {
        self.n
    }

    /// Makes the samples of a block. Bit k of `present` says whether the coefficient at position k
    /// of the zigzag order may be other than zero; most blocks have few of them, and low ones.
    #[inline(always)]
    pub(super) fn render(&self, block: &Block, present: u64, out: &mut [u8], stride: usize) {
        const LOW: u64 = within(4);
        let present = present & self.wanted;
        if present & !1 == 0 {
            (self.flat)(block, out, stride);
        } else if present & !LOW == 0 {
            (self.few)(block, out, stride);
        } else {
            (self.all)(block, out, stride);
        }
    }
}

/// The index of each zigzag position's coefficient, for blocks of n x n samples.
fn slots(n: usize) -> [u8; 64] {
    std::array::from_fn(|k| match frequencies(k) {
        (u, v) if u < n && v < n => slot(u, v),
        _ => 64,
    })
}

/// Pairs of frequencies, even ones and odd ones separate; the low ones first, so that the first
/// half of everything suffices for the lowest 4 x 4.
const PAIRS: [[usize; 2]; 4] = [[0, 2], [1, 3], [4, 6], [5, 7]];

/// The index of a frequency in [`PAIRS`].
const fn rank(frequency: usize) -> usize {
    [0, 2, 1, 3, 4, 6, 5, 7][frequency]
}

/// Sixteen coefficients to each pair of horizontal frequencies, two to each vertical one.
const fn slot(u: usize, v: usize) -> u8 {
    (rank(u) / 2 * 16 + rank(v) * 2 + rank(u) % 2) as u8
}

/// The zigzag positions of the lowest n x n frequencies.
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
fn flat<const N: usize>(block: &Block, out: &mut [u8], stride: usize) {
    let value = (((i32::from(block[0]) + 4) >> 3) + 128).clamp(0, 255) as u8;
    for y in 0..N {
        out[y * stride..][..N].copy_from_slice(&[value; N]);
    }
}

/// Bits after the binary point between the two passes.
const PASS_BITS: u32 = 2;

/// The lowest 4 x 4 coefficients become N x N samples.
fn transform_few<const N: usize>(block: &Block, out: &mut [u8], stride: usize) {
    let columns = along::<N, 2>([half(block, 0), half(block, 2)]);
    let mut rows = [[i16x8::default(); 2]; 2];
    for (four, columns) in rows.iter_mut().zip(columns.chunks_exact(4)) {
        // Four columns of four coefficients each: two words to a column.
        let words = [pack(columns[0], columns[1]), pack(columns[2], columns[3])];
        let [a, b]: [[i32; 4]; 2] = cast(words);
        *four = [
            cast([a[0], a[2], b[0], b[2]]),
            cast([a[1], a[3], b[1], b[3]]),
        ];
    }
    store::<N, 2>(&rows, out, stride);
}

/// All coefficients become N x N samples.
fn transform_all<const N: usize>(block: &Block, out: &mut [u8], stride: usize) {
    let low = along::<N, 4>([
        half(block, 0),
        half(block, 2),
        half(block, 4),
        half(block, 6),
    ]);
    let high = along::<N, 4>([
        half(block, 1),
        half(block, 3),
        half(block, 5),
        half(block, 7),
    ]);
    let mut rows = [[i16x8::default(); 4]; 2];
    for (x, four) in rows.iter_mut().enumerate() {
        *four = transposed(std::array::from_fn(|i| {
            pack(low[x * 4 + i], high[x * 4 + i])
        }));
    }
    store::<N, 4>(&rows, out, stride);
}

/// Eight neighbouring coefficients of a block.
#[inline(always)]
fn half(block: &Block, number: usize) -> i16x8 {
    let eight: [i16; 8] = std::array::from_fn(|i| block[number * 8 + i]);
    eight.into()
}

/// The first pass: four vertical frequencies at once, from horizontal ones to N columns.
#[inline(always)]
fn along<const N: usize, const P: usize>(pairs: [i16x8; P]) -> [i32x4; 8] {
    pass::<N, P>(
        &pairs,
        1 << (BASIS_BITS - PASS_BITS - 1),
        BASIS_BITS - PASS_BITS,
    )
}

/// The second pass, and the samples of N rows. The input is, for columns 0 to 3 and 4 to 7, the
/// pairs of vertical frequencies.
#[inline(always)]
fn store<const N: usize, const P: usize>(rows: &[[i16x8; P]; 2], out: &mut [u8], stride: usize) {
    // The 3 is the transform's own factor of an eighth; samples are centred on 128.
    let shift = BASIS_BITS + PASS_BITS + 3;
    let bias = (128 << shift) + (1 << (shift - 1));
    let left = pass::<N, P>(&rows[0], bias, shift);
    let right = if N > 4 {
        pass::<N, P>(&rows[1], bias, shift)
    } else {
        left
    };
    for y in 0..N.div_ceil(2) {
        // With an odd N the eighth row exists, but is empty.
        let upper = pack(left[2 * y], right[2 * y]);
        let lower = pack(left[2 * y + 1], right[2 * y + 1]);
        let two_rows = u8x16::narrow_i16x8(upper, lower).to_array();
        for (row, samples) in (2 * y..N).zip(two_rows.chunks_exact(8)) {
            out[row * stride..][..N].copy_from_slice(&samples[..N]);
        }
    }
}

/// One dimension, four lanes: pairs of frequencies become N samples.
///
/// Even frequencies are symmetric around the middle and odd ones antisymmetric, so that half of the
/// products serve twice. No sum of any i16 inputs can overflow (the tests prove it).
#[inline(always)]
fn pass<const N: usize, const P: usize>(pairs: &[i16x8; P], bias: i32, shift: u32) -> [i32x4; 8] {
    let weights = const { pair_weights::<N>() };
    let mut out = [i32x4::default(); 8];
    for x in 0..N.div_ceil(2) {
        let product = |pair: usize| pairs[pair].dot(i16x8::from(weights[x][pair]));
        let (mut even, mut odd) = (i32x4::splat(bias) + product(0), product(1));
        if P == 4 && N > 4 {
            even += product(2);
            odd += product(3);
        }
        out[x] = (even + odd) >> shift;
        out[N - 1 - x] = (even - odd) >> shift;
    }
    out
}

/// For the left half of N samples and each of [`PAIRS`]: the pair's weights, four times over.
const fn pair_weights<const N: usize>() -> [[[i16; 8]; 4]; 4] {
    let basis = basis::<N>();
    let mut weights = [[[0; 8]; 4]; 4];
    let mut place = 0;
    while place < 4 * 4 * 8 {
        let (x, pair, lane) = (place / 32, place / 8 % 4, place % 8);
        let frequency = PAIRS[pair][lane % 2];
        if x < N && frequency < N {
            weights[x][pair][lane] = basis[frequency][x];
        }
        place += 1;
    }
    weights
}

/// Eight sums as i16. Saturation cannot happen in a valid picture, and prevents overflow in the
/// next pass in others.
#[inline(always)]
pub(super) fn pack(low: i32x4, high: i32x4) -> i16x8 {
    i16x8::from_i32x8_saturate(cast::<[i32x4; 2], i32x8>([low, high]))
}

/// Transposes 4 x 4 pairs.
#[inline(always)]
fn transposed(rows: [i16x8; 4]) -> [i16x8; 4] {
    let words: [[i32; 4]; 4] = cast(rows);
    std::array::from_fn(|i| cast([words[0][i], words[1][i], words[2][i], words[3][i]]))
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
