//! Brings smaller planes to the picture's size, row by row. Its own file because it handles the
//! positions of samples and not their meaning: JFIF centres a chroma sample among the pixels it
//! stands for, so that halved planes are interpolated (weights 3 : 1) and not just repeated.

use super::planes::Plane;

/// Reads one plane as if it had the picture's width and height.
pub(super) struct Upsampler<'a> {
    plane: &'a Plane,
    across: Ratio,
    down: Ratio,
    /// A row before it is widened, in quarters where the height is halved.
    sums: Vec<u16>,
    row: Vec<u8>,
}

impl<'a> Upsampler<'a> {
    pub(super) fn new(plane: &'a Plane, width: usize, height: usize) -> Self {
        let (mut across, mut down) = (
            Ratio::new(plane.width, width),
            Ratio::new(plane.height, height),
        );
        if !(across.is_smooth() && down.is_smooth()) {
            (across, down) = (across.coarse(), down.coarse());
        }
        let (sums, row) = (vec![0; plane.width], vec![0; width]);
        Self {
            plane,
            across,
            down,
            sums,
            row,
        }
    }

    /// Row `y` of the picture.
    pub(super) fn row(&mut self, y: usize) -> &[u8] {
        let plane = self.plane;
        if self.down == Ratio::Half {
            // The nearer row counts three times; at the edges it also replaces the farther one.
            let lower = y & 1 == 1;
            let near = (y / 2).min(plane.height - 1);
            let far = if lower {
                near + 1
            } else {
                near.saturating_sub(1)
            };
            let (near, far) = (plane.row(near), plane.row(far.min(plane.height - 1)));
            for ((sum, &near), &far) in self.sums.iter_mut().zip(near).zip(far) {
                *sum = 3 * u16::from(near) + u16::from(far);
            }
            if self.across == Ratio::Half {
                widen::<4>(&self.sums, 8, 7, &mut self.row);
            } else {
                // Rounding up and down in turn keeps the mean.
                let bias = if lower { 2 } else { 1 };
                for (out, sum) in self.row.iter_mut().zip(&self.sums) {
                    *out = ((sum + bias) >> 2) as u8;
                }
            }
            return &self.row;
        }
        let source = plane.row(self.down.source(y).min(plane.height - 1));
        match self.across {
            Ratio::Same => return source,
            Ratio::Half => {
                for (sum, &sample) in self.sums.iter_mut().zip(source) {
                    *sum = sample.into();
                }
                widen::<2>(&self.sums, 1, 2, &mut self.row);
            }
            ratio => {
                for (x, out) in self.row.iter_mut().enumerate() {
                    *out = source[ratio.source(x).min(source.len() - 1)];
                }
            }
        }
        &self.row
    }
}

/// The ratio of a plane's side to the picture's.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ratio {
    Same,
    Half,
    /// One sample for this many pixels.
    Whole(usize),
    /// Any other ratio: samples and pixels.
    Broken(usize, usize),
}

impl Ratio {
    fn new(samples: usize, pixels: usize) -> Self {
        let each = pixels.div_ceil(samples);
        match each {
            _ if samples == pixels => Self::Same,
            _ if samples != pixels.div_ceil(each) => Self::Broken(samples, pixels),
            2 => Self::Half,
            _ => Self::Whole(each),
        }
    }

    /// Whether rows or columns are all present, or are interpolated.
    fn is_smooth(self) -> bool {
        matches!(self, Self::Same | Self::Half)
    }

    /// The same without interpolation: next to a coarser direction it would gain nothing.
    fn coarse(self) -> Self {
        match self {
            Self::Half => Self::Whole(2),
            other => other,
        }
    }

    /// The sample that covers a pixel.
    fn source(self, at: usize) -> usize {
        match self {
            Self::Same => at,
            Self::Half => at / 2,
            Self::Whole(each) => at / each,
            Self::Broken(samples, pixels) => at * samples / pixels,
        }
    }
}

/// Doubles a row; each sample yields a left and a right pixel, rounded by `left` and `right` so
/// that errors cancel. The sum of both directions' weights is 2 to the power `SHIFT`.
fn widen<const SHIFT: u32>(sums: &[u16], left: u16, right: u16, out: &mut [u8]) {
    let last = sums.len() - 1;
    // The edges have no neighbour but themselves.
    out[0] = ((4 * sums[0] + left) >> SHIFT) as u8;
    for (pair, out) in sums.windows(2).zip(out[1..].chunks_exact_mut(2)) {
        out[0] = ((3 * pair[0] + pair[1] + right) >> SHIFT) as u8;
        out[1] = ((3 * pair[1] + pair[0] + left) >> SHIFT) as u8;
    }
    out[2 * last + 1..].fill(((4 * sums[last] + right) >> SHIFT) as u8);
}
