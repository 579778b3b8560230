//! Sequential pictures (T.81 annex F): each block is complete when it is read, so that it is
//! rendered at once and only the planes need memory. Separate from the progressive decoder, which
//! must keep coefficients; what both share is in the scan walk.

use super::bits::BitReader;
use super::geometry::Geometry;
use super::huffman::{HuffmanTable, LONGEST_SYMBOL, Symbol};
use super::idct::{Block, Inverse};
use super::planes::Plane;
use super::scan::{Scan, Visitor, walk};
use super::segments::{EOI, SOS, Segments};
use super::skip::SkipTable;
use super::tables::{QuantTable, Tables};
use super::{Header, JpegError};

/// Decodes all components into planes.
pub(super) fn decode(
    bytes: &[u8],
    header: &Header,
    geometry: &Geometry,
) -> Result<Vec<Plane>, JpegError> {
    let count = header.components.len();
    let mut planes = (0..count)
        .map(|i| geometry.new_plane(i))
        .collect::<Result<Vec<_>, _>>()?;
    let inverse = Inverse::new(geometry.scale);
    let mut done = vec![false; count];
    let mut tables = Tables::default();
    let mut segments = Segments::new(bytes)?;
    // Anything after the last component's scan does not matter, even if it is missing.
    while done.contains(&false) {
        let segment = segments.next()?;
        match segment.marker {
            EOI => return Err(JpegError::Truncated),
            SOS => {
                let scan = Scan::parse(segments.bytes_of(&segment), header)?;
                for component in &scan.components {
                    if std::mem::replace(&mut done[component.index], true) {
                        return Err(JpegError::Corrupt("a component coded twice"));
                    }
                }
                let mut bits = BitReader::new(bytes, segment.payload.end);
                let mut visitor =
                    SequentialScan::new(&scan, header, &tables, &inverse, &mut planes)?;
                walk(
                    &scan,
                    geometry,
                    tables.restart_interval,
                    &mut bits,
                    &mut visitor,
                )?;
                segments.position = bits.position();
            }
            marker => tables.define(marker, segments.bytes_of(&segment))?,
        }
    }
    Ok(planes)
}

/// A component of a scan with everything that its blocks need.
struct Channel<'a> {
    dc: &'a HuffmanTable,
    ac: &'a HuffmanTable,
    skip: Option<SkipTable>,
    places: Places,
    plane: &'a mut Plane,
    predicted: i32,
}

struct SequentialScan<'a> {
    channels: Vec<Channel<'a>>,
    inverse: &'a Inverse,
    /// From this position of the zigzag order on, coefficients are skipped.
    read_up_to: usize,
    block: Block,
}

/// If fewer coefficients than this are read of a block, a table for skipping the rest pays off.
const WORTH_SKIPPING: usize = 32;

impl<'a> SequentialScan<'a> {
    fn new(
        scan: &Scan,
        header: &Header,
        tables: &'a Tables,
        inverse: &'a Inverse,
        planes: &'a mut [Plane],
    ) -> Result<Self, JpegError> {
        let mut planes: Vec<_> = planes.iter_mut().map(Some).collect();
        let first_unwanted = 64 - inverse.wanted.leading_zeros() as usize;
        let skips = first_unwanted <= WORTH_SKIPPING;
        let mut channels = Vec::with_capacity(scan.components.len());
        for component in &scan.components {
            let quant = tables.quant(header.components[component.index].quant_table)?;
            let ac = tables.ac(component.ac_table)?;
            channels.push(Channel {
                dc: tables.dc(component.dc_table)?,
                ac,
                skip: skips.then(|| SkipTable::new(ac)),
                places: Places::new(&inverse.slots, quant),
                plane: planes[component.index]
                    .take()
                    .ok_or(JpegError::Corrupt("a scan that names a component twice"))?,
                predicted: 0,
            });
        }
        Ok(Self {
            channels,
            inverse,
            read_up_to: if skips { first_unwanted } else { 64 },
            block: [0; 65],
        })
    }
}

impl Visitor for SequentialScan<'_> {
    fn restart(&mut self) {
        for channel in &mut self.channels {
            channel.predicted = 0;
        }
    }

    #[inline(always)]
    fn block(
        &mut self,
        bits: &mut BitReader<'_>,
        slot: usize,
        x: usize,
        y: usize,
    ) -> Result<(), JpegError> {
        let channel = &mut self.channels[slot];
        self.block.fill(0);
        channel.predicted = read_dc(bits, channel.dc, channel.predicted)?;
        let present = read_ac(bits, channel, self.read_up_to, &mut self.block)?;
        self.block[0] = channel.places.dequantised(0, channel.predicted);
        let (n, stride) = (self.inverse.samples(), channel.plane.stride);
        let out = &mut channel.plane.samples[y * n * stride + x * n..];
        self.inverse.render(&self.block, present, out, stride);
        Ok(())
    }
}

/// Reads a difference and returns the new DC coefficient (F.2.2.1), kept within 16 bits.
#[inline(always)]
pub(super) fn read_dc(
    bits: &mut BitReader<'_>,
    table: &HuffmanTable,
    predicted: i32,
) -> Result<i32, JpegError> {
    bits.ensure(LONGEST_SYMBOL);
    let difference = table.next(bits)?.value;
    Ok((predicted + difference).clamp(i16::MIN.into(), i16::MAX.into()))
}

/// Reads the other coefficients (F.2.2.2) into the zeroed block; returns which positions are
/// present.
#[inline(always)]
fn read_ac(
    bits: &mut BitReader<'_>,
    channel: &Channel<'_>,
    read_up_to: usize,
    block: &mut Block,
) -> Result<u64, JpegError> {
    // A local copy stays in registers.
    let mut own = *bits;
    let mut present = 0;
    let mut k = 1;
    while k < read_up_to {
        own.ensure(LONGEST_SYMBOL);
        let Symbol { run, value } = channel.ac.next(&mut own)?;
        k += run;
        if value == 0 {
            // Sixteen zeros, or the end of the block.
            if run != 15 {
                k = 64;
                break;
            }
        } else {
            block[channel.places.slot(k)] = channel.places.dequantised(k, value);
            present |= 1_u64.wrapping_shl(k as u32);
        }
        k += 1;
    }
    if let Some(skip) = &channel.skip {
        k = skip.skip(channel.ac, &mut own, k)?;
    }
    if k > 64 {
        return Err(JpegError::Corrupt("a block with too many coefficients"));
    }
    *bits = own;
    Ok(present)
}

/// The step and the index in the block of each coefficient. Runs that lead out of the block are
/// noticed only after it, so there is room for the longest.
struct Places([Place; 64 + 16]);

#[derive(Clone, Copy)]
struct Place {
    step: i16,
    slot: u16,
}

impl Places {
    fn new(slots: &[u8; 64], quant: &QuantTable) -> Self {
        let mut places = [Place { step: 0, slot: 64 }; 64 + 16];
        for (place, (&slot, &step)) in places.iter_mut().zip(slots.iter().zip(quant)) {
            *place = Place {
                step: step.cast_signed(),
                slot: slot.into(),
            };
        }
        Self(places)
    }

    #[inline(always)]
    fn slot(&self, k: usize) -> usize {
        self.0[k].slot.into()
    }

    /// A coefficient times its step. Valid ones fit into 16 bits; others may wrap.
    #[inline(always)]
    fn dequantised(&self, k: usize, value: i32) -> i16 {
        (value as i16).wrapping_mul(self.0[k].step)
    }
}
