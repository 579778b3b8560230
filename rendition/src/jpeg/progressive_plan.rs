//! A look ahead over the scans of a progressive picture: which exist, whether together they are
//! legal and complete, and which must be read for the wanted scale. Its own file because it needs
//! nothing but markers, and costs little more than finding them.

use super::scan::Scan;
use super::segments::{EOI, SOS, Segments, end_of_scan};
use super::{Header, JpegError};

/// Real files have about ten scans. The limit keeps a small file from costing hours, because a scan
/// of a few bytes may walk over millions of blocks.
const MOST_SCANS: usize = 64;

/// One scan and whether it is read.
pub(super) struct PlannedScan {
    pub(super) scan: Scan,
    /// The end of its entropy-coded data.
    pub(super) end: usize,
    pub(super) needed: bool,
}

/// All scans in file order.
pub(super) struct Plan {
    pub(super) scans: Vec<PlannedScan>,
}

impl Plan {
    /// Finds the scans; bit k of `wanted` says that the coefficients at position k of the zigzag
    /// order must be decoded exactly.
    pub(super) fn new(bytes: &[u8], header: &Header, wanted: u64) -> Result<Self, JpegError> {
        let mut segments = Segments::new(bytes)?;
        let mut scans = Vec::new();
        let mut progress = Progress::new(header.components.len());
        let ended = loop {
            let segment = match segments.next() {
                Ok(segment) => segment,
                Err(JpegError::Truncated) => break false,
                Err(error) => return Err(error),
            };
            match segment.marker {
                EOI => break true,
                SOS if scans.len() == MOST_SCANS => {
                    return Err(JpegError::Unsupported("more than 64 scans"));
                }
                SOS => {
                    let scan = Scan::parse(segments.bytes_of(&segment), header)?;
                    progress.advance(&scan)?;
                    segments.position = end_of_scan(bytes, segment.payload.end);
                    scans.push(PlannedScan {
                        scan,
                        end: segments.position,
                        needed: false,
                    });
                }
                _ => {}
            }
        };
        mark_needed(&mut scans, header.components.len(), wanted);
        // Without an end marker, a file is complete only if its last scan is read to its end.
        let whole = progress.complete() && scans.last().is_some_and(|last| last.needed);
        if !progress.has_all_dc() || !(ended || whole) {
            return Err(JpegError::Truncated);
        }
        Ok(Self { scans })
    }
}

/// Going backwards: a scan is needed if it contains a wanted coefficient. Reading a refinement scan
/// requires knowing which coefficients of its band are zero, so the earlier scans of its whole band
/// become needed too.
fn mark_needed(scans: &mut [PlannedScan], components: usize, wanted: u64) {
    let mut wanted = vec![wanted; components];
    for planned in scans.iter_mut().rev() {
        let band = band(&planned.scan);
        let indices = || {
            planned
                .scan
                .components
                .iter()
                .map(|component| component.index)
        };
        planned.needed = indices().any(|index| wanted[index] & band != 0);
        if planned.needed && planned.scan.high > 0 {
            indices().for_each(|index| wanted[index] |= band);
        }
    }
}

/// The coefficients of a scan as bits in zigzag order.
fn band(scan: &Scan) -> u64 {
    (u64::MAX >> (63 - scan.last)) & (u64::MAX << scan.first)
}

/// The bit position that each coefficient of each component has reached.
struct Progress {
    reached: Vec<[Option<u32>; 64]>,
}

impl Progress {
    fn new(components: usize) -> Self {
        Self {
            reached: vec![[None; 64]; components],
        }
    }

    /// Checks a scan against the rules (G.1.1.1.1 and table B.3) and against those before it.
    fn advance(&mut self, scan: &Scan) -> Result<(), JpegError> {
        let band_is_legal = match scan.first {
            0 => scan.last == 0,
            first => first <= scan.last && scan.last < 64 && scan.components.len() == 1,
        };
        let bits_are_legal = scan.low <= 13 && (scan.high == 0 || scan.high == scan.low + 1);
        if !band_is_legal || !bits_are_legal {
            return Err(JpegError::Corrupt("an illegal progressive scan"));
        }
        let before = (scan.high > 0).then_some(scan.high);
        for component in &scan.components {
            for reached in &mut self.reached[component.index][scan.first..=scan.last] {
                if *reached != before {
                    return Err(JpegError::Corrupt("progressive scans out of order"));
                }
                *reached = Some(scan.low);
            }
        }
        Ok(())
    }

    /// Whether every component has at least its DC coefficients.
    fn has_all_dc(&self) -> bool {
        self.reached.iter().all(|component| component[0].is_some())
    }

    /// Whether every coefficient has been refined to its last bit.
    fn complete(&self) -> bool {
        self.reached
            .iter()
            .flatten()
            .all(|&reached| reached == Some(0))
    }
}
