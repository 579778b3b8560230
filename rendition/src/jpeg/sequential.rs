//! Sequential pictures (T.81 annex F): each block is complete when it is read, so that it is
//! rendered at once and nothing but the planes needs memory. Apart from the progressive decoder,
//! which must keep coefficients; what both share is in the scan walk.

use super::bits::BitReader;
use super::geometry::Geometry;
use super::huffman::{Entry, HuffmanTable, LONGEST_SYMBOL};
use super::idct::{Block, Inverse};
use super::planes::Plane;
use super::scan::{Scan, Visitor, walk};
use super::segments::{EOI, SOS, Segments};
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
    // What follows the last component's scan does not matter, not even whether it exists.
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

/// A component of a scan with all that its blocks need.
struct Channel<'a> {
    dc: &'a HuffmanTable,
    ac: &'a HuffmanTable,
    quant: &'a QuantTable,
    plane: &'a mut Plane,
    predicted: i32,
}

struct SequentialScan<'a> {
    channels: Vec<Channel<'a>>,
    inverse: &'a Inverse,
    block: Block,
}

impl<'a> SequentialScan<'a> {
    fn new(
        scan: &Scan,
        header: &Header,
        tables: &'a Tables,
        inverse: &'a Inverse,
        planes: &'a mut [Plane],
    ) -> Result<Self, JpegError> {
        let mut planes: Vec<_> = planes.iter_mut().map(Some).collect();
        let mut channels = Vec::with_capacity(scan.components.len());
        for component in &scan.components {
            channels.push(Channel {
                dc: tables.dc(component.dc_table)?,
                ac: tables.ac(component.ac_table)?,
                quant: tables.quant(header.components[component.index].quant_table)?,
                plane: planes[component.index]
                    .take()
                    .ok_or(JpegError::Corrupt("a scan that names a component twice"))?,
                predicted: 0,
            });
        }
        Ok(Self {
            channels,
            inverse,
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
        self.block[0] = dequantised(channel.predicted, channel.quant[0]);
        let slots = &self.inverse.slots;
        let present = read_ac(bits, channel.ac, channel.quant, slots, &mut self.block)?;
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
    let entry = table.next(bits)?;
    let difference = coefficient(bits, entry);
    Ok((predicted + difference).clamp(i16::MIN.into(), i16::MAX.into()))
}

/// Reads the other coefficients (F.2.2.2) into the zeroed block; says which places are present.
#[inline(always)]
fn read_ac(
    bits: &mut BitReader<'_>,
    table: &HuffmanTable,
    quant: &QuantTable,
    slots: &[u8; 64],
    block: &mut Block,
) -> Result<u64, JpegError> {
    let mut present = 0;
    let mut k = 1;
    while k < 64 {
        bits.ensure(LONGEST_SYMBOL);
        let entry = table.next(bits)?;
        let value = coefficient(bits, entry);
        if value == 0 {
            // Sixteen zeros, or the end of the block.
            if entry.run() != 15 {
                break;
            }
            k += 16;
            continue;
        }
        k += entry.run();
        if k > 63 {
            return Err(JpegError::Corrupt("a block with too many coefficients"));
        }
        block[usize::from(slots[k])] = dequantised(value, quant[k]);
        present |= 1 << k;
        k += 1;
    }
    Ok(present)
}

/// The coefficient that an entry stands for, reading its extra bits where the look-up had none.
#[inline(always)]
pub(super) fn coefficient(bits: &mut BitReader<'_>, entry: Entry) -> i32 {
    match entry.extra() {
        0 => entry.value(),
        size => bits.take_signed(size),
    }
}

/// A coefficient times its step, kept within 16 bits as every true one is.
#[inline(always)]
pub(super) fn dequantised(value: i32, step: u16) -> i16 {
    (value * i32::from(step)).clamp(i16::MIN.into(), i16::MAX.into()) as i16
}
