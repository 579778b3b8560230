//! Quantised blocks as symbols with extra bits, the input of entropy coding (T.81 section F.1.2).
//! Its own file because the encoder goes over them twice, first to count and then to write, and
//! they are far smaller than the coefficients.

use bytemuck::cast;
use wide::i16x8;

use super::fdct::Rows;
use super::huffman_code::HuffmanCode;
use super::zigzag::frequencies;

/// Which of the four codes a symbol uses.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Luma = 0,
    Chroma = 1,
}

/// Codes in this order: DC and AC of luma, DC and AC of chroma.
pub(super) const CODES: usize = 4;

/// More symbols than this are not kept. A photograph as large as any master has half as many; a
/// picture with more is so full of noise that it is processed a second time instead.
pub(super) const MOST_KEPT: usize = 2 << 20;

/// A symbol: extra bits in the low half, then the symbol, then the code's number.
#[derive(Clone, Copy)]
pub(super) struct Token(u32);

/// The symbols of a picture in coding order, and the frequency of each.
pub(super) struct Tokens {
    list: Vec<Token>,
    is_whole: bool,
    frequencies: Box<[[u32; 256]; CODES]>,
}

/// The index in a block of the forward transform of each coefficient of the zigzag order.
const PLACES: [u8; 64] = {
    let mut places = [0; 64];
    let mut k = 0;
    while k < 64 {
        let (u, v) = frequencies(k);
        places[k] = (u * 8 + v) as u8;
        k += 1;
    }
    places
};

impl Tokens {
    /// Makes room for a picture of this many samples, none of which has more than one symbol.
    pub(super) fn new(samples: usize) -> Self {
        Self {
            list: Vec::with_capacity(samples.min(MOST_KEPT)),
            is_whole: true,
            frequencies: Box::new([[0; 256]; CODES]),
        }
    }

    #[inline(always)]
    pub(super) fn push(&mut self, token: Token) {
        self.frequencies[token.code()][token.symbol()] += 1;
        if self.list.len() < self.list.capacity() {
            self.list.push(token);
        } else {
            self.is_whole = false;
        }
    }

    /// The best codes for the counted frequencies.
    pub(super) fn codes(&self) -> [HuffmanCode; CODES] {
        std::array::from_fn(|code| HuffmanCode::best(&self.frequencies[code]))
    }

    /// Bytes of all symbols in the given codes, without stuffing.
    pub(super) fn written_bytes(&self, codes: &[HuffmanCode; CODES]) -> usize {
        let bits: u64 = codes
            .iter()
            .zip(&*self.frequencies)
            .flat_map(|(code, frequencies)| code.codes.iter().zip(frequencies).enumerate())
            .map(|(symbol, (&(_, length), &count))| {
                u64::from(count) * (u64::from(length) + (symbol as u64 & 15))
            })
            .sum();
        bits.div_ceil(8) as usize
    }

    /// All symbols, unless they were too many to keep.
    pub(super) fn list(&self) -> Option<&[Token]> {
        self.is_whole.then_some(&self.list)
    }
}

impl Token {
    /// A value after its run: the symbol's low half is the number of bits (table F.1).
    #[inline(always)]
    fn new(code: usize, run: u32, value: i16) -> Self {
        let size = 16 - value.unsigned_abs().leading_zeros();
        // Negative values are decremented and written in ones' complement.
        let bits = (i32::from(value) - i32::from(value < 0)).cast_unsigned() & ((1 << size) - 1);
        Self((code as u32) << 24 | (run | size) << 16 | bits)
    }

    fn code(self) -> usize {
        (self.0 >> 24) as usize
    }

    fn symbol(self) -> usize {
        (self.0 >> 16 & 0xFF) as usize
    }
}

/// Passes on the symbols of a block; `predicted` is the DC coefficient of the previous block and
/// becomes this one's.
#[inline(always)]
pub(super) fn of_block(
    class: Class,
    block: &Rows,
    predicted: &mut i16,
    push: &mut impl FnMut(Token),
) {
    let (dc_code, ac_code) = (class as usize * 2, class as usize * 2 + 1);
    let values: [i16; 64] = cast(*block);
    push(Token::new(dc_code, 0, values[0] - *predicted));
    *predicted = values[0];
    let ordered: [i16; 64] = std::array::from_fn(|k| values[usize::from(PLACES[k])]);
    let mut rest = present(cast(ordered)) & !1;
    let mut before = 0;
    while rest != 0 {
        let k = rest.trailing_zeros();
        rest &= rest - 1;
        let mut run = k - before - 1;
        while run > 15 {
            push(Token::new(ac_code, 0xF0, 0));
            run -= 16;
        }
        push(Token::new(ac_code, run << 4, ordered[k as usize]));
        before = k;
    }
    if before < 63 {
        push(Token::new(ac_code, 0, 0));
    }
}

/// Passes on the symbols of a block outside the picture: the shortest ones.
pub(super) fn of_filler(class: Class, push: &mut impl FnMut(Token)) {
    push(Token::new(class as usize * 2, 0, 0));
    push(Token::new(class as usize * 2 + 1, 0, 0));
}

/// Writes symbols in their codes.
pub(super) struct Writer<'a> {
    /// For each code and symbol: its bits with room for the extra ones, so that writing takes one
    /// step, and their number.
    table: Box<[(u64, u32); CODES * 256]>,
    buffer: u64,
    filled: u32,
    out: &'a mut Vec<u8>,
}

impl<'a> Writer<'a> {
    pub(super) fn new(codes: &[HuffmanCode; CODES], out: &'a mut Vec<u8>) -> Self {
        let mut table = Box::new([(0, 0); CODES * 256]);
        for (number, code) in codes.iter().enumerate() {
            for (symbol, &(bits, length)) in code.codes.iter().enumerate() {
                let extra = symbol as u32 & 15;
                table[number * 256 + symbol] =
                    (u64::from(bits) << extra, u32::from(length) + extra);
            }
        }
        Self {
            table,
            buffer: 0,
            filled: 0,
            out,
        }
    }

    #[inline(always)]
    pub(super) fn put(&mut self, token: Token) {
        let (code, length) = self.table[token.0 as usize >> 16];
        self.buffer = self.buffer << length | code | u64::from(token.0 & 0xFFFF);
        self.filled += length;
        if self.filled >= 32 {
            self.filled -= 32;
            put(self.out, (self.buffer >> self.filled) as u32);
        }
    }

    /// Fills the last byte with ones (F.1.2.3).
    pub(super) fn finish(self) {
        let padding = self.filled.next_multiple_of(8) - self.filled;
        let buffer = self.buffer << padding | ((1 << padding) - 1);
        for byte in (0..(self.filled + padding) / 8).rev() {
            put_byte(self.out, (buffer >> (byte * 8)) as u8);
        }
    }
}

/// Which of 64 values are not zero, as bits.
#[inline(always)]
fn present(values: Rows) -> u64 {
    let zero = |eight: &i16x8| u64::from(eight.simd_eq(i16x8::default()).to_bitmask());
    !values
        .iter()
        .rev()
        .fold(0, |mask, eight| mask << 8 | zero(eight))
}

/// Four bytes; a zero is stuffed after each 0xFF (F.1.2.3).
#[inline(always)]
fn put(out: &mut Vec<u8>, word: u32) {
    let bytes = word.to_be_bytes();
    if bytes.contains(&0xFF) {
        bytes.iter().for_each(|&byte| put_byte(out, byte));
    } else {
        out.extend_from_slice(&bytes);
    }
}

fn put_byte(out: &mut Vec<u8>, byte: u8) {
    out.push(byte);
    if byte == 0xFF {
        out.push(0);
    }
}
