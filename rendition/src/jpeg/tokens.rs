//! Quantised blocks as entropy coding sees them: symbols with extra bits (T.81 section F.1.2).
//! Its own file because the encoder goes over them twice, first to count and then to write, and
//! they are far smaller than the coefficients.

use bytemuck::cast;
use wide::i16x8;

use super::fdct::Rows;
use super::huffman_code::HuffmanCode;
use super::zigzag::frequencies;

/// Which of four codes a symbol is written in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Luma = 0,
    Chroma = 1,
}

/// Codes in this order: DC and AC of luma, DC and AC of chroma.
pub(super) const CODES: usize = 4;

/// The symbols of a picture in coding order.
pub(super) struct Tokens {
    /// Each one: extra bits in the low half, then the symbol, then the code's number.
    list: Vec<u32>,
    frequencies: Box<[[u32; 256]; CODES]>,
}

/// Where each coefficient of the zigzag order lies in a block of the forward transform.
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
    pub(super) fn new() -> Self {
        Self {
            list: Vec::new(),
            frequencies: Box::new([[0; 256]; CODES]),
        }
    }

    /// Adds a block; `predicted` is the DC coefficient of the one before and becomes this one's.
    #[inline(always)]
    pub(super) fn push_block(&mut self, class: Class, block: &Rows, predicted: &mut i16) {
        let (dc_code, ac_code) = (class as usize * 2, class as usize * 2 + 1);
        let values: [i16; 64] = cast(*block);
        self.push(dc_code, 0, values[0] - *predicted);
        *predicted = values[0];
        let ordered: [i16; 64] = std::array::from_fn(|k| values[usize::from(PLACES[k])]);
        let mut rest = present(cast(ordered)) & !1;
        let mut before = 0;
        while rest != 0 {
            let k = rest.trailing_zeros();
            rest &= rest - 1;
            let mut run = k - before - 1;
            while run > 15 {
                self.push(ac_code, 0xF0, 0);
                run -= 16;
            }
            self.push(ac_code, run << 4, ordered[k as usize]);
            before = k;
        }
        if before < 63 {
            self.push(ac_code, 0, 0);
        }
    }

    /// Adds a block that lies outside the picture: whatever costs least.
    pub(super) fn push_filler(&mut self, class: Class) {
        self.push(class as usize * 2, 0, 0);
        self.push(class as usize * 2 + 1, 0, 0);
    }

    /// Adds a value after its run: the symbol's low half is the number of bits (table F.1).
    #[inline(always)]
    fn push(&mut self, code: usize, run: u32, value: i16) {
        let size = 16 - value.unsigned_abs().leading_zeros();
        // Negative values are written less one, in ones' complement.
        let bits = (i32::from(value) - i32::from(value < 0)).cast_unsigned() & ((1 << size) - 1);
        let symbol = run | size;
        self.frequencies[code][symbol as usize] += 1;
        self.list.push((code as u32) << 24 | symbol << 16 | bits);
    }

    /// The best codes for what was counted.
    pub(super) fn codes(&self) -> [HuffmanCode; CODES] {
        std::array::from_fn(|code| HuffmanCode::best(&self.frequencies[code]))
    }

    /// Writes all symbols in the given codes and fills the last byte up with ones (F.1.2.3).
    pub(super) fn write(&self, codes: &[HuffmanCode; CODES], out: &mut Vec<u8>) {
        let mut table = [(0_u64, 0_u32); CODES * 256];
        for (number, code) in codes.iter().enumerate() {
            for (symbol, &(bits, length)) in code.codes.iter().enumerate() {
                let extra = symbol as u32 & 15;
                // Room for the extra bits is made here, so that writing needs one step.
                table[number * 256 + symbol] =
                    (u64::from(bits) << extra, u32::from(length) + extra);
            }
        }
        let (mut buffer, mut filled) = (0_u64, 0);
        for &token in &self.list {
            let (code, length) = table[token as usize >> 16];
            buffer = buffer << length | code | u64::from(token & 0xFFFF);
            filled += length;
            if filled >= 32 {
                filled -= 32;
                put(out, (buffer >> filled) as u32);
            }
        }
        let padding = filled.next_multiple_of(8) - filled;
        buffer = buffer << padding | ((1 << padding) - 1);
        for byte in (0..(filled + padding) / 8).rev() {
            put_byte(out, (buffer >> (byte * 8)) as u8);
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
