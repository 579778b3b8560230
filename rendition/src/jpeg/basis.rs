//! The cosines from which both transforms are made. Its own file because they are computed at
//! compile time, with what constants allow.

/// Bits after the binary point in the basis.
pub(super) const BASIS_BITS: u32 = 13;
/// `BASIS[u][x]`: the contribution of frequency u to sample x of N, times the root of 2 (for u
/// above 0) as in the usual factorisations, so that the frequency 0 has weight 1.
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

/// The cosine by its power series, because the library's is not available in constants.
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
