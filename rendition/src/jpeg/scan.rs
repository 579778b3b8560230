//! The common parts of sequential and progressive scans: the scan header (T.81 section B.2.3), the
//! walk over MCUs (A.2.3) and restart intervals (E.2.4). It determines where each block is;
//! decoding its contents is the visitor's part.

use super::bits::BitReader;
use super::geometry::Geometry;
use super::{Header, JpegError};

/// A component that takes part in a scan.
pub(super) struct ScanComponent {
    /// Index among the frame's components.
    pub(super) index: usize,
    pub(super) dc_table: u8,
    pub(super) ac_table: u8,
}

/// A scan header.
pub(super) struct Scan {
    pub(super) components: Vec<ScanComponent>,
    /// First and last coefficient, in zigzag order.
    pub(super) first: usize,
    pub(super) last: usize,
    /// Bit position that earlier scans reached (0: there was none) and that this one reaches.
    pub(super) high: u32,
    pub(super) low: u32,
}

impl Scan {
    pub(super) fn parse(payload: &[u8], header: &Header) -> Result<Self, JpegError> {
        const SHORT: JpegError = JpegError::Corrupt("a scan header that is too short");
        let (&count, rest) = payload.split_first().ok_or(SHORT)?;
        let (selectors, rest) = rest.split_at_checked(usize::from(count) * 2).ok_or(SHORT)?;
        let &[first, last, approximation, ..] = rest else {
            return Err(SHORT);
        };
        let mut components: Vec<ScanComponent> = Vec::with_capacity(4);
        for selector in selectors.chunks_exact(2) {
            let index = header
                .components
                .iter()
                .position(|component| component.id == selector[0])
                .ok_or(JpegError::Corrupt("a scan of an unknown component"))?;
            if components.iter().any(|other| other.index == index) {
                return Err(JpegError::Corrupt("a scan that names a component twice"));
            }
            let (dc_table, ac_table) = (selector[1] >> 4, selector[1] & 15);
            components.push(ScanComponent {
                index,
                dc_table,
                ac_table,
            });
        }
        if components.is_empty() {
            return Err(JpegError::Corrupt("a scan of nothing"));
        }
        Ok(Self {
            components,
            first: first.into(),
            last: last.into(),
            high: u32::from(approximation >> 4),
            low: u32::from(approximation & 15),
        })
    }
}

/// What a scan does with each block.
pub(super) trait Visitor {
    /// Discards predictions from earlier blocks, after a restart marker.
    fn restart(&mut self);

    /// Reads the block at column `x`, row `y` of the scan's component number `slot`.
    fn block(
        &mut self,
        bits: &mut BitReader<'_>,
        slot: usize,
        x: usize,
        y: usize,
    ) -> Result<(), JpegError>;
}

/// Visits the blocks of a scan in coded order.
#[inline(always)]
pub(super) fn walk(
    scan: &Scan,
    geometry: &Geometry,
    interval: u16,
    bits: &mut BitReader<'_>,
    visitor: &mut impl Visitor,
) -> Result<(), JpegError> {
    let mut restarts = Restarts {
        interval: interval.into(),
        left: interval.into(),
        next: 0,
    };
    let alone = &geometry.components[scan.components[0].index];
    let interleaved = scan.components.len() > 1;
    let (wide, high) = if interleaved {
        (geometry.mcus_wide, geometry.mcus_high)
    } else {
        (alone.blocks_wide, alone.blocks_high)
    };
    for y in 0..high {
        for x in 0..wide {
            if restarts.due(bits)? {
                visitor.restart();
            }
            if !interleaved {
                visitor.block(bits, 0, x, y)?;
                continue;
            }
            for (slot, component) in scan.components.iter().enumerate() {
                let shape = &geometry.components[component.index];
                for down in 0..shape.vertical {
                    for across in 0..shape.horizontal {
                        let (x, y) = (x * shape.horizontal + across, y * shape.vertical + down);
                        visitor.block(bits, slot, x, y)?;
                    }
                }
            }
        }
        // Often enough to stop soon, seldom enough to cost nothing.
        bits.check()?;
    }
    Ok(())
}

/// Counts MCUs between restart markers.
struct Restarts {
    interval: u32,
    left: u32,
    next: u8,
}

impl Restarts {
    /// To be called before each MCU; steps over the marker when one is due.
    #[inline(always)]
    fn due(&mut self, bits: &mut BitReader<'_>) -> Result<bool, JpegError> {
        if self.interval == 0 {
            return Ok(false);
        }
        if self.left > 0 {
            self.left -= 1;
            return Ok(false);
        }
        bits.restart(self.next)?;
        self.next = (self.next + 1) & 7;
        self.left = self.interval - 1;
        Ok(true)
    }
}
