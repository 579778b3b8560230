//! Progressive pictures (T.81 annex G): many scans refine the same coefficients, so these are kept
//! until the last one. Coefficients that a scale does not need are neither kept nor, where
//! possible, read: at an eighth only the DC scans are read, which are a small part of the file.

use super::bits::BitReader;
use super::coefficients::Coefficients;
use super::geometry::Geometry;
use super::huffman::{HuffmanTable, LONGEST_SYMBOL, Symbol};
use super::idct::Inverse;
use super::planes::Plane;
use super::progressive_plan::Plan;
use super::scan::{Scan, Visitor, walk};
use super::segments::{EOI, SOS, Segments};
use super::sequential::read_dc;
use super::tables::{QuantTable, Tables};
use super::{Header, JpegError};

/// Decodes all components into planes.
pub(super) fn decode(
    bytes: &[u8],
    header: &Header,
    geometry: &Geometry,
) -> Result<Vec<Plane>, JpegError> {
    let inverse = Inverse::new(geometry.scale);
    let plan = Plan::new(bytes, header, inverse.wanted)?;
    let mut quant: Vec<Option<QuantTable>> = vec![None; header.components.len()];
    let mut store = Vec::with_capacity(header.components.len());
    for component in &geometry.components {
        store.push(Coefficients::new(component, &inverse)?);
    }
    let mut tables = Tables::default();
    let mut segments = Segments::new(bytes)?;
    for planned in &plan.scans {
        let payload = loop {
            let segment = segments.next()?;
            match segment.marker {
                SOS => break segment.payload,
                EOI => return Err(JpegError::Truncated),
                marker => tables.define(marker, segments.bytes_of(&segment))?,
            }
        };
        segments.position = planned.end;
        for component in &planned.scan.components {
            // The table in force at a component's first scan applies to all (B.2.4.1).
            let slot = &mut quant[component.index];
            if slot.is_none() {
                *slot = Some(*tables.quant(header.components[component.index].quant_table)?);
            }
        }
        if planned.needed {
            let mut bits = BitReader::new(bytes, payload.end);
            decode_scan(&planned.scan, geometry, &tables, &mut bits, &mut store)?;
        }
    }
    let mut planes = Vec::with_capacity(store.len());
    // Each component's coefficients are freed before the next one's plane is made.
    for (index, (coefficients, quant)) in store.into_iter().zip(quant).enumerate() {
        let quant = quant.ok_or(JpegError::Truncated)?;
        let mut plane = geometry.new_plane(index)?;
        coefficients.render(&geometry.components[index], &quant, &inverse, &mut plane);
        planes.push(plane);
    }
    Ok(planes)
}

fn decode_scan(
    scan: &Scan,
    geometry: &Geometry,
    tables: &Tables,
    bits: &mut BitReader<'_>,
    store: &mut [Coefficients],
) -> Result<(), JpegError> {
    let interval = tables.restart_interval;
    let lone = &scan.components[0];
    match (scan.first, scan.high) {
        (0, 0) => {
            let dc = scan
                .components
                .iter()
                .map(|component| tables.dc(component.dc_table));
            let tables = dc.collect::<Result<Vec<_>, _>>()?;
            let mut visitor = DcFirst {
                tables,
                scan,
                store,
                predicted: [0; 4],
            };
            walk(scan, geometry, interval, bits, &mut visitor)
        }
        (0, _) => walk(
            scan,
            geometry,
            interval,
            bits,
            &mut DcRefine { scan, store },
        ),
        (_, 0) => {
            let table = tables.ac(lone.ac_table)?;
            let store = &mut store[lone.index];
            walk(
                scan,
                geometry,
                interval,
                bits,
                &mut AcFirst {
                    table,
                    scan,
                    store,
                    idle: 0,
                },
            )
        }
        _ => {
            let table = tables.ac(lone.ac_table)?;
            let store = &mut store[lone.index];
            walk(
                scan,
                geometry,
                interval,
                bits,
                &mut AcRefine {
                    table,
                    scan,
                    store,
                    idle: 0,
                },
            )
        }
    }
}

/// First scan of DC coefficients (G.1.2.1).
struct DcFirst<'a> {
    tables: Vec<&'a HuffmanTable>,
    scan: &'a Scan,
    store: &'a mut [Coefficients],
    predicted: [i32; 4],
}

impl Visitor for DcFirst<'_> {
    fn restart(&mut self) {
        self.predicted = [0; 4];
    }

    #[inline(always)]
    fn block(
        &mut self,
        bits: &mut BitReader<'_>,
        slot: usize,
        x: usize,
        y: usize,
    ) -> Result<(), JpegError> {
        let dc = read_dc(bits, self.tables[slot], self.predicted[slot])?;
        self.predicted[slot] = dc;
        *self.store[self.scan.components[slot].index].dc(x, y) = (dc << self.scan.low) as i16;
        Ok(())
    }
}

/// Later scans of DC coefficients: one more bit of each.
struct DcRefine<'a> {
    scan: &'a Scan,
    store: &'a mut [Coefficients],
}

impl Visitor for DcRefine<'_> {
    fn restart(&mut self) {}

    #[inline(always)]
    fn block(
        &mut self,
        bits: &mut BitReader<'_>,
        slot: usize,
        x: usize,
        y: usize,
    ) -> Result<(), JpegError> {
        bits.ensure(1);
        *self.store[self.scan.components[slot].index].dc(x, y) |=
            (bits.take(1) << self.scan.low) as i16;
        Ok(())
    }
}

/// First scan of a band of AC coefficients (G.1.2.2).
struct AcFirst<'a> {
    table: &'a HuffmanTable,
    scan: &'a Scan,
    store: &'a mut Coefficients,
    /// Following blocks that have nothing in this band.
    idle: u32,
}

impl Visitor for AcFirst<'_> {
    fn restart(&mut self) {
        self.idle = 0;
    }

    #[inline(always)]
    fn block(
        &mut self,
        bits: &mut BitReader<'_>,
        _slot: usize,
        x: usize,
        y: usize,
    ) -> Result<(), JpegError> {
        if self.idle > 0 {
            self.idle -= 1;
            return Ok(());
        }
        // A local copy stays in registers.
        let (mut own, last, low) = (*bits, self.scan.last, self.scan.low);
        let mut block = self.store.block(x, y);
        let mut k = self.scan.first;
        while k <= last {
            own.ensure(LONGEST_SYMBOL);
            let Symbol { run, value } = self.table.next(&mut own)?;
            if value == 0 {
                if run < 15 {
                    self.idle = idle_blocks(&mut own, run) - 1;
                    break;
                }
                k += 16;
                continue;
            }
            k += run;
            if k > last {
                return Err(JpegError::Corrupt("a block with too many coefficients"));
            }
            block.set(k, (value << low) as i16);
            k += 1;
        }
        *bits = own;
        Ok(())
    }
}

/// Later scans of a band of AC coefficients (G.1.2.3): one more bit of those that are already not
/// zero, and coefficients that become other than zero only now.
struct AcRefine<'a> {
    table: &'a HuffmanTable,
    scan: &'a Scan,
    store: &'a mut Coefficients,
    /// Following blocks in which no coefficient of this band is new.
    idle: u32,
}

impl Visitor for AcRefine<'_> {
    fn restart(&mut self) {
        self.idle = 0;
    }

    #[inline(always)]
    fn block(
        &mut self,
        bits: &mut BitReader<'_>,
        _slot: usize,
        x: usize,
        y: usize,
    ) -> Result<(), JpegError> {
        let (mut own, last, step) = (*bits, self.scan.last, 1_i16 << self.scan.low);
        let mut block = self.store.block(x, y);
        // The coefficients present before this scan; those that it adds are not refined by it.
        let present = block.present();
        let mut k = self.scan.first;
        while self.idle == 0 && k <= last {
            own.ensure(LONGEST_SYMBOL);
            let Symbol { run, value } = self.table.next(&mut own)?;
            if value == 0 && run < 15 {
                self.idle = idle_blocks(&mut own, run);
                break;
            }
            // The run counts only coefficients that are still zero, and ends before another one.
            let place = nth_zero(present, k, run).min(last + 1);
            block.refine(&mut own, present & places(k, place), step);
            if value != 0 {
                if place > last {
                    return Err(JpegError::Corrupt("a block with too many coefficients"));
                }
                block.set(place, if value < 0 { -step } else { step });
            }
            k = place + 1;
        }
        if self.idle > 0 {
            block.refine(&mut own, present & places(k, last + 1), step);
            self.idle -= 1;
        }
        *bits = own;
        Ok(())
    }
}

/// How many blocks an EOBn code stands for, its own included (G.1.2.2).
fn idle_blocks(bits: &mut BitReader<'_>, log: usize) -> u32 {
    let log = log as u32;
    bits.ensure(log);
    (1 << log) + bits.take(log)
}

/// The position, at or after `from`, of zero number `run` (from 0) in a mask; 64 if there is none.
fn nth_zero(mask: u64, from: usize, run: usize) -> usize {
    let mut zeros = !mask & (u64::MAX << from);
    for _ in 0..run {
        zeros &= zeros.wrapping_sub(1);
    }
    zeros.trailing_zeros() as usize
}

/// The positions from `from` up to `to`, exclusive; `from` is below 64 or equal to `to`.
fn places(from: usize, to: usize) -> u64 {
    below(to) & !below(from)
}

fn below(place: usize) -> u64 {
    if place < 64 {
        (1 << place) - 1
    } else {
        u64::MAX
    }
}
