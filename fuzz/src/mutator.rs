//! New inputs from old ones: flipped bits, interesting numbers, pieces that are moved, repeated,
//! cut out or taken from another input, and words of a dictionary.

use fastrand::Rng;

/// Most changes between an input and its descendant.
const MOST_CHANGES: usize = 8;
/// Longest piece that is moved or repeated.
const LONGEST_PIECE: usize = 256;
/// How often a piece is repeated: occasionally so often that quadratic behaviour shows.
const FEW_REPEATS: usize = 8;
const MOST_REPEATS: usize = 4_096;

const NUMBERS: [u64; 12] = [
    0,
    1,
    0x7f,
    0x80,
    0xff,
    0x7fff,
    0xffff,
    0x4000,
    0x7fff_ffff,
    0xffff_ffff,
    i64::MAX as u64,
    u64::MAX,
];

/// Makes inputs.
pub struct Mutator<'a> {
    /// The source of randomness: the same seed makes the same inputs.
    pub random: Rng,
    /// Words that are meaningful to the target.
    pub dictionary: &'a [&'a str],
    /// The longest input, in bytes.
    pub longest: usize,
}

impl Mutator<'_> {
    /// A descendant of one of the inputs.
    pub fn descendant(&mut self, corpus: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = self.any(corpus).to_vec();
        for _ in 0..self.random.usize(1..=MOST_CHANGES) {
            self.change(&mut bytes, corpus);
        }
        bytes.truncate(self.longest);
        bytes
    }

    fn any<'c>(&mut self, corpus: &'c [Vec<u8>]) -> &'c [u8] {
        match corpus.len() {
            0 => &[],
            count => &corpus[self.random.usize(..count)],
        }
    }

    fn change(&mut self, bytes: &mut Vec<u8>, corpus: &[Vec<u8>]) {
        match self.random.u8(..10) {
            0 => {
                if let Some(byte) = self.byte(bytes) {
                    *byte ^= 1 << self.random.u8(..8);
                }
            }
            1 => {
                let value = self.random.u8(..);
                if let Some(byte) = self.byte(bytes) {
                    *byte = value;
                }
            }
            2 => {
                let step = self.random.u8(1..=35);
                if let Some(byte) = self.byte(bytes) {
                    *byte = byte.wrapping_add(step).wrapping_sub(17);
                }
            }
            3 => self.overwrite_number(bytes),
            4 => self.replace_digits(bytes),
            5 => {
                let piece = self.piece(bytes).to_vec();
                self.insert(bytes, &piece);
            }
            6 => {
                let (from, to) = self.range(bytes);
                bytes.drain(from..to);
            }
            7 => {
                let other = self.any(corpus);
                let piece = self.piece(other).to_vec();
                if self.random.bool() {
                    self.insert(bytes, &piece);
                } else {
                    self.overwrite(bytes, &piece);
                }
            }
            8 => {
                let piece = self.piece(bytes).to_vec();
                let room = self.longest.saturating_sub(bytes.len());
                let most = if self.random.u8(..16) == 0 {
                    MOST_REPEATS
                } else {
                    FEW_REPEATS
                };
                let times = self.random.usize(1..=most);
                let times = times.min(room / piece.len().max(1));
                self.insert(bytes, &piece.repeat(times));
            }
            _ => {
                if let Some(word) = self.random.choice(self.dictionary) {
                    if self.random.bool() {
                        self.insert(bytes, word.as_bytes());
                    } else {
                        self.overwrite(bytes, word.as_bytes());
                    }
                }
            }
        }
    }

    fn byte<'b>(&mut self, bytes: &'b mut [u8]) -> Option<&'b mut u8> {
        let at = self.random.usize(..bytes.len().max(1));
        bytes.get_mut(at)
    }

    fn range(&mut self, bytes: &[u8]) -> (usize, usize) {
        let from = self.random.usize(..=bytes.len());
        let most = LONGEST_PIECE.min(bytes.len() - from);
        (from, from + self.random.usize(..=most))
    }

    fn piece<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        let (from, to) = self.range(bytes);
        &bytes[from..to]
    }

    fn insert(&mut self, bytes: &mut Vec<u8>, piece: &[u8]) {
        let at = self.random.usize(..=bytes.len());
        bytes.splice(at..at, piece.iter().copied());
    }

    fn overwrite(&mut self, bytes: &mut [u8], piece: &[u8]) {
        let at = self.random.usize(..=bytes.len());
        for (byte, new) in bytes[at..].iter_mut().zip(piece) {
            *byte = *new;
        }
    }

    /// Overwrites a number of one, two, four or eight bytes, in either byte order.
    fn overwrite_number(&mut self, bytes: &mut [u8]) {
        let number = NUMBERS[self.random.usize(..NUMBERS.len())];
        let width = 1 << self.random.usize(..4);
        let piece = if self.random.bool() {
            number.to_be_bytes()[8 - width..].to_vec()
        } else {
            number.to_le_bytes()[..width].to_vec()
        };
        self.overwrite(bytes, &piece);
    }

    /// Replaces a number written in digits by another one.
    fn replace_digits(&mut self, bytes: &mut Vec<u8>) {
        let start = self.random.usize(..=bytes.len());
        let Some(from) = bytes[start..].iter().position(u8::is_ascii_digit) else {
            return;
        };
        let from = start + from;
        let digits = bytes[from..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit());
        let to = from + digits.count();
        let number = NUMBERS[self.random.usize(..NUMBERS.len())];
        bytes.splice(from..to, number.to_string().into_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descendants_differ_stay_short_and_follow_from_the_seed() {
        let corpus = vec![b"size=400x300".to_vec(), Vec::new()];
        let inputs = |seed| {
            let mut mutator = Mutator {
                random: Rng::with_seed(seed),
                dictionary: &["x"],
                longest: 64,
            };
            let inputs = (0..10_000).map(|_| mutator.descendant(&corpus));
            inputs.collect::<Vec<_>>()
        };
        let made = inputs(1);
        assert_eq!(made, inputs(1));
        assert_ne!(made, inputs(2));
        assert!(made.iter().all(|input| input.len() <= 64));
        let distinct: std::collections::HashSet<_> = made.iter().collect();
        assert!(distinct.len() > 5_000, "{}", distinct.len());
    }
}
