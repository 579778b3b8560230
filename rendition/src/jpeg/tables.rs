//! The tables that a decoder carries from segment to segment: quantisation (T.81 section B.2.4.1),
//! Huffman (B.2.4.2) and the restart interval (B.2.4.4). Separate from the scans, because
//! sequential and progressive pictures define them alike and may redefine them between scans.

use super::JpegError;
use super::header::restart_interval;
use super::huffman::HuffmanTable;
use super::segments::{DHT, DQT, DRI};

/// A quantisation table in zigzag order.
pub(super) type QuantTable = [u16; 64];

/// Real files define eight tables, or as many for each scan. Preparing one takes far longer than
/// reading its 17 bytes.
const MOST_TABLES: usize = 1_024;

/// The tables as defined so far.
#[derive(Default)]
pub(super) struct Tables {
    quant: [Option<QuantTable>; 4],
    dc: [Option<HuffmanTable>; 4],
    ac: [Option<HuffmanTable>; 4],
    pub(super) restart_interval: u16,
    /// Number of definitions so far.
    count: usize,
}

impl Tables {
    /// Reads a segment that defines tables; ignores all others.
    pub(super) fn define(&mut self, marker: u8, payload: &[u8]) -> Result<(), JpegError> {
        match marker {
            DQT => self.define_quant(payload),
            DHT => self.define_huffman(payload),
            DRI => {
                self.restart_interval = restart_interval(payload)?;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn count_one(&mut self) -> Result<(), JpegError> {
        self.count += 1;
        if self.count > MOST_TABLES {
            return Err(JpegError::Unsupported("more than 1,024 tables"));
        }
        Ok(())
    }

    pub(super) fn quant(&self, index: u8) -> Result<&QuantTable, JpegError> {
        let table = self.quant.get(usize::from(index)).and_then(Option::as_ref);
        table.ok_or(JpegError::Corrupt("a quantisation table is missing"))
    }

    pub(super) fn dc(&self, index: u8) -> Result<&HuffmanTable, JpegError> {
        let table = self.dc.get(usize::from(index)).and_then(Option::as_ref);
        table.ok_or(JpegError::Corrupt("a Huffman table is missing"))
    }

    pub(super) fn ac(&self, index: u8) -> Result<&HuffmanTable, JpegError> {
        let table = self.ac.get(usize::from(index)).and_then(Option::as_ref);
        table.ok_or(JpegError::Corrupt("a Huffman table is missing"))
    }

    fn define_quant(&mut self, mut payload: &[u8]) -> Result<(), JpegError> {
        const SHORT: JpegError = JpegError::Corrupt("a short quantisation table");
        while let Some((&head, rest)) = payload.split_first() {
            self.count_one()?;
            let (wide, index) = (head >> 4, usize::from(head & 15));
            let bytes_each = match wide {
                0 => 1,
                1 => 2,
                _ => {
                    return Err(JpegError::Corrupt(
                        "a quantisation table of unknown precision",
                    ));
                }
            };
            let (steps, rest) = rest.split_at_checked(64 * bytes_each).ok_or(SHORT)?;
            let mut table = [0; 64];
            for (entry, step) in table.iter_mut().zip(steps.chunks_exact(bytes_each)) {
                *entry = step
                    .iter()
                    .fold(0, |value, &byte| value << 8 | u16::from(byte));
            }
            let slot = self.quant.get_mut(index);
            *slot.ok_or(JpegError::Corrupt("a table number above 3"))? = Some(table);
            payload = rest;
        }
        Ok(())
    }

    fn define_huffman(&mut self, mut payload: &[u8]) -> Result<(), JpegError> {
        const SHORT: JpegError = JpegError::Corrupt("a short Huffman table");
        while let Some((&head, rest)) = payload.split_first() {
            self.count_one()?;
            let (counts, rest) = rest.split_first_chunk::<16>().ok_or(SHORT)?;
            let total = counts.iter().map(|&count| usize::from(count)).sum();
            if total > 256 {
                return Err(JpegError::Corrupt("a Huffman table with too many codes"));
            }
            let (symbols, rest) = rest.split_at_checked(total).ok_or(SHORT)?;
            let table = HuffmanTable::new(counts, symbols)?;
            let class = match head >> 4 {
                0 if !table.fits_dc() => {
                    return Err(JpegError::Corrupt("a DC table with impossible symbols"));
                }
                0 => &mut self.dc,
                1 => &mut self.ac,
                _ => return Err(JpegError::Corrupt("a Huffman table of unknown class")),
            };
            let slot = class.get_mut(usize::from(head & 15));
            *slot.ok_or(JpegError::Corrupt("a table number above 3"))? = Some(table);
            payload = rest;
        }
        Ok(())
    }
}
