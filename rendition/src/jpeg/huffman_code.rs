//! Huffman codes made for encoding: the best code for counted symbols, within JPEG's limits (T.81
//! annex K.2). Its own file because it is one algorithm that depends on nothing else in the
//! encoder.

/// The longest code that JPEG allows.
const LONGEST: usize = 16;

/// A code as a DHT segment describes it, and prepared for writing.
pub(super) struct HuffmanCode {
    /// How many codes there are of each length, 1 to 16.
    pub(super) counts: [u8; LONGEST],
    /// Symbols in the order of their codes.
    pub(super) symbols: Vec<u8>,
    /// For each symbol its code and the code's length; length 0 for symbols that never occur.
    pub(super) codes: [(u16, u8); 256],
}

impl HuffmanCode {
    /// The best code for symbols of these frequencies.
    pub(super) fn best(frequencies: &[u32; 256]) -> Self {
        let lengths = limited(tree_depths(frequencies));
        let mut symbols: Vec<u8> = (0..=255)
            .filter(|&s| frequencies[usize::from(s)] > 0)
            .collect();
        // The depths only determine how many codes of each length there are: which symbol gets
        // which follows from its frequency.
        symbols.sort_by_key(|&symbol| std::cmp::Reverse(frequencies[usize::from(symbol)]));
        let mut codes = [(0, 0); 256];
        let (mut code, mut place) = (0_u16, 0);
        for (length, &count) in (1..).zip(&lengths) {
            for &symbol in &symbols[place..place + usize::from(count)] {
                codes[usize::from(symbol)] = (code, length);
                code += 1;
            }
            place += usize::from(count);
            code <<= 1;
        }
        Self {
            counts: lengths,
            symbols,
            codes,
        }
    }
}

/// How many symbols are at each depth of the Huffman tree (figures K.1 and K.2). One more symbol,
/// the rarest of all, takes the code of all ones, which JPEG reserves.
fn tree_depths(frequencies: &[u32; 256]) -> Vec<usize> {
    let mut nodes: Vec<(u64, Vec<usize>)> = Vec::with_capacity(257);
    // The reserved symbol weighs less than any other, so that it ends up deepest.
    nodes.push((0, vec![0]));
    let used = frequencies.iter().filter(|&&frequency| frequency > 0);
    nodes.extend(used.map(|&frequency| (u64::from(frequency), vec![0])));
    // Each node: weight, depths of its leaves. With 257 leaves at most, a linear search for the two
    // lightest is fast enough.
    while nodes.len() > 1 {
        nodes.sort_by_key(|node| std::cmp::Reverse(node.0));
        let (Some(light), Some(mut heavy)) = (nodes.pop(), nodes.pop()) else {
            break;
        };
        heavy.0 += light.0;
        heavy.1.extend(light.1);
        heavy.1.iter_mut().for_each(|depth| *depth += 1);
        nodes.push(heavy);
    }
    let leaves = nodes.pop().map_or_else(Vec::new, |node| node.1);
    let mut depths = vec![0; leaves.iter().max().map_or(1, |deepest| deepest + 1)];
    leaves.iter().for_each(|&depth| depths[depth] += 1);
    depths
}

/// Shortens codes that are too long to 16 bits (figure K.3), then drops the reserved one.
fn limited(mut depths: Vec<usize>) -> [u8; LONGEST] {
    for depth in (LONGEST + 1..depths.len()).rev() {
        while depths[depth] > 0 {
            // Two leaves at this depth: one moves up to their common parent, the other joins a leaf
            // of a lesser depth, which thereby becomes a node.
            let Some(parent) = (1..depth - 1).rev().find(|&lesser| depths[lesser] > 0) else {
                break;
            };
            depths[depth] -= 2;
            depths[depth - 1] += 1;
            depths[parent] -= 1;
            depths[parent + 1] += 2;
        }
    }
    if let Some(deepest) = depths.iter_mut().skip(1).rfind(|count| **count > 0) {
        *deepest -= 1;
    }
    let mut lengths = [0; LONGEST];
    for (length, &count) in lengths.iter_mut().zip(depths.iter().skip(1)) {
        *length = count as u8;
    }
    lengths
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(frequencies: &[u32; 256]) -> HuffmanCode {
        let code = HuffmanCode::best(frequencies);
        let used = frequencies.iter().filter(|&&f| f > 0).count();
        assert_eq!(code.symbols.len(), used);
        assert_eq!(
            code.counts.iter().map(|&c| usize::from(c)).sum::<usize>(),
            used
        );
        // Kraft's sum stays below 1: the code of all ones is free.
        let taken: u32 = (1..)
            .zip(code.counts)
            .map(|(length, count)| u32::from(count) << (16 - length))
            .sum();
        assert!(taken < 1 << 16);
        for (symbol, &(bits, length)) in code.codes.iter().enumerate() {
            assert_eq!(length > 0, frequencies[symbol] > 0);
            assert!(u32::from(bits) < 1 << length);
        }
        code
    }

    #[test]
    fn lone_and_absent_symbols_have_codes() {
        let mut frequencies = [0; 256];
        assert!(check(&frequencies).symbols.is_empty());
        frequencies[7] = 3;
        assert_eq!(check(&frequencies).codes[7], (0, 1));
    }

    #[test]
    fn frequent_symbols_have_short_codes() {
        let mut frequencies = [0; 256];
        frequencies[..4].copy_from_slice(&[100, 50, 20, 10]);
        let code = check(&frequencies);
        let lengths: Vec<u8> = code.codes[..4].iter().map(|code| code.1).collect();
        assert_eq!(lengths, [1, 2, 3, 4]);
    }

    #[test]
    fn no_code_is_longer_than_16_bits() {
        // Frequencies like Fibonacci's numbers make the deepest trees.
        let mut frequencies = [0; 256];
        let (mut a, mut b) = (1_u32, 1_u32);
        for frequency in frequencies.iter_mut().take(40) {
            *frequency = a;
            (a, b) = (b, a + b);
        }
        check(&frequencies);
        check(&[1; 256]);
        check(&std::array::from_fn(|symbol| {
            symbol as u32 * symbol as u32 + 1
        }));
    }
}
