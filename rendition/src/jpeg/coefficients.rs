//! The coefficients that a progressive picture keeps between scans. Its own file because it
//! contains the memory trade-off: only the frequencies that the scale needs are kept, and one bit
//! of each other one, without which refinement scans could not be read.

use super::JpegError;
use super::bits::BitReader;
use super::geometry::ComponentGeometry;
use super::idct::Inverse;
use super::planes::{Plane, allocate};
use super::tables::QuantTable;

/// All blocks of one component.
pub(super) struct Coefficients {
    /// Kept coefficients of each block, in the order of `kept`.
    values: Vec<i16>,
    /// For each block, the AC coefficients that are not zero, as bits in zigzag order; empty when
    /// only DC is kept.
    present: Vec<u64>,
    /// For each position in zigzag order, the index among a block's kept values; 64 for none.
    slots: [u8; 64],
    /// For each kept value, its position in a block to be rendered.
    kept: Vec<u8>,
    per_block: usize,
    blocks_wide: usize,
}

impl Coefficients {
    pub(super) fn new(shape: &ComponentGeometry, inverse: &Inverse) -> Result<Self, JpegError> {
        let blocks = shape.padded_wide * shape.padded_high;
        let mut kept: Vec<u8> = inverse
            .slots
            .into_iter()
            .filter(|&slot| slot < 64)
            .collect();
        kept.sort_unstable();
        let place = |slot| kept.iter().position(|&other| other == slot).unwrap_or(64) as u8;
        let slots = inverse.slots.map(place);
        let per_block = kept.len();
        Ok(Self {
            values: allocate(blocks * per_block)?,
            present: allocate(if per_block > 1 { blocks } else { 0 })?,
            slots,
            kept,
            per_block,
            blocks_wide: shape.padded_wide,
        })
    }

    /// The DC coefficient of a block.
    #[inline(always)]
    pub(super) fn dc(&mut self, x: usize, y: usize) -> &mut i16 {
        &mut self.values[(y * self.blocks_wide + x) * self.per_block]
    }

    /// A block whose AC coefficients are to be changed; not valid when only DC is kept.
    #[inline(always)]
    pub(super) fn block(&mut self, x: usize, y: usize) -> StoredBlock<'_> {
        let number = y * self.blocks_wide + x;
        StoredBlock {
            values: &mut self.values[number * self.per_block..][..self.per_block],
            present: &mut self.present[number],
            slots: &self.slots,
        }
    }

    /// Makes the plane and frees the coefficients.
    pub(super) fn render(
        self,
        shape: &ComponentGeometry,
        quant: &QuantTable,
        inverse: &Inverse,
        plane: &mut Plane,
    ) {
        let (n, stride) = (inverse.samples(), plane.stride);
        let mut steps = [0; 65];
        for (&slot, &step) in self.slots.iter().zip(quant) {
            steps[usize::from(slot)] = step.cast_signed();
        }
        let mut block = [0; 65];
        for y in 0..shape.padded_high {
            for x in 0..shape.padded_wide {
                let number = y * self.blocks_wide + x;
                let values = &self.values[number * self.per_block..][..self.per_block];
                if let Some(all) = values.first_chunk::<64>() {
                    for ((out, &value), &step) in block.iter_mut().zip(all).zip(&steps) {
                        *out = value.wrapping_mul(step);
                    }
                } else {
                    for ((&slot, &value), &step) in self.kept.iter().zip(values).zip(&steps) {
                        block[usize::from(slot)] = value.wrapping_mul(step);
                    }
                }
                let present = self.present.get(number).copied().unwrap_or(0);
                let out = &mut plane.samples[y * n * stride + x * n..];
                inverse.render(&block, present, out, stride);
            }
        }
    }
}

/// One block's AC coefficients, addressed by their position in zigzag order.
pub(super) struct StoredBlock<'a> {
    values: &'a mut [i16],
    present: &'a mut u64,
    slots: &'a [u8; 64],
}

impl StoredBlock<'_> {
    /// Which positions are not zero.
    #[inline(always)]
    pub(super) fn present(&self) -> u64 {
        *self.present
    }

    /// Sets a coefficient that was zero.
    #[inline(always)]
    pub(super) fn set(&mut self, place: usize, value: i16) {
        *self.present |= 1 << place;
        if let Some(kept) = self.values.get_mut(usize::from(self.slots[place])) {
            *kept = value;
        }
    }

    /// Reads one bit for each of the positions: whether its coefficient moves away from zero by
    /// `step`.
    #[inline(always)]
    pub(super) fn refine(&mut self, bits: &mut BitReader<'_>, mut places: u64, step: i16) {
        while places != 0 {
            let count = places.count_ones().min(32);
            bits.ensure(count);
            // The next correction is the topmost bit.
            let mut corrections = bits.take(count) << (32 - count);
            for _ in 0..count {
                let place = places.trailing_zeros() as usize;
                places &= places - 1;
                let correction = step & -((corrections >> 31) as i16);
                corrections <<= 1;
                if let Some(kept) = self.values.get_mut(usize::from(self.slots[place])) {
                    // Branchless, because corrections are as good as random.
                    let sign = *kept >> 15;
                    *kept = kept.wrapping_add((correction ^ sign) - sign);
                }
            }
        }
    }
}
