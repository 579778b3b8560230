//! How a frame is divided into MCUs and blocks (T.81 section A.2) and how large its planes are at a
//! scale. Its own file because decoding, rendering and the memory estimate must agree on it.

use super::planes::{Colour, Plane, Planes, Scale, allocate};
use super::{Coding, Header, JpegError};

/// One component's share of the frame.
pub(super) struct ComponentGeometry {
    /// Blocks of this component in an MCU, across and down.
    pub(super) horizontal: usize,
    pub(super) vertical: usize,
    /// Blocks that contain samples of the picture: those of a scan of this component alone.
    pub(super) blocks_wide: usize,
    pub(super) blocks_high: usize,
    /// Blocks in whole MCUs: those of an interleaved scan, for which memory is laid out.
    pub(super) padded_wide: usize,
    pub(super) padded_high: usize,
    /// Samples after scaling.
    width: usize,
    height: usize,
}

/// The division of a whole frame.
pub(super) struct Geometry {
    pub(super) scale: Scale,
    pub(super) mcus_wide: usize,
    pub(super) mcus_high: usize,
    pub(super) components: Vec<ComponentGeometry>,
    width: usize,
    height: usize,
    colour: Colour,
}

impl Geometry {
    pub(super) fn new(header: &Header, scale: Scale) -> Self {
        let size = [header.width as usize, header.height as usize];
        let (largest_h, largest_v) = header.largest_sampling();
        let largest = [largest_h as usize, largest_v as usize];
        // A single component is never interleaved, so its factors have no meaning (A.2.2).
        let alone = header.components.len() == 1;
        let unit = if alone { [1, 1] } else { largest };
        let mcus = [size[0].div_ceil(8 * unit[0]), size[1].div_ceil(8 * unit[1])];
        let components = header.components.iter().map(|component| {
            let own = [
                usize::from(component.horizontal),
                usize::from(component.vertical),
            ];
            let factor = if alone { [1, 1] } else { own };
            let blocks = |axis: usize| (size[axis] * factor[axis]).div_ceil(unit[axis]).div_ceil(8);
            let samples =
                |axis: usize| (size[axis] * factor[axis] * scale.block()).div_ceil(unit[axis] * 8);
            ComponentGeometry {
                horizontal: factor[0],
                vertical: factor[1],
                blocks_wide: blocks(0),
                blocks_high: blocks(1),
                padded_wide: mcus[0] * factor[0],
                padded_high: mcus[1] * factor[1],
                width: samples(0),
                height: samples(1),
            }
        });
        Self {
            scale,
            mcus_wide: mcus[0],
            mcus_high: mcus[1],
            components: components.collect(),
            width: (size[0] * scale.block()).div_ceil(8),
            height: (size[1] * scale.block()).div_ceil(8),
            colour: header.colour,
        }
    }

    /// Blocks of the whole frame, padding not counted.
    pub(super) fn blocks(&self) -> usize {
        self.components
            .iter()
            .map(|c| c.blocks_wide * c.blocks_high)
            .sum()
    }

    /// A plane with room for all blocks of component `index`.
    pub(super) fn new_plane(&self, index: usize) -> Result<Plane, JpegError> {
        let component = &self.components[index];
        Ok(Plane {
            width: component.width,
            height: component.height,
            stride: component.padded_wide * self.scale.block(),
            samples: allocate(component.plane_bytes(self.scale))?,
        })
    }

    /// Combines the planes.
    pub(super) fn into_planes(self, planes: Vec<Plane>) -> Planes {
        Planes {
            width: self.width,
            height: self.height,
            colour: self.colour,
            planes,
        }
    }

    /// Upper bound of what decoding allocates at once.
    pub(super) fn memory(&self, coding: Coding) -> u64 {
        // Huffman and quantisation tables, the list of scans.
        const TABLES: u64 = 64 * 1024;
        let most = match coding {
            Coding::Sequential => self.planes_bytes(),
            Coding::Progressive => {
                let kept = self.scale.block() * self.scale.block();
                let per_block = (kept * 2 + if kept > 1 { 8 } else { 0 }) as u64;
                let components = || self.components.iter();
                let blocks = |c: &ComponentGeometry| (c.padded_wide * c.padded_high) as u64;
                // All coefficients at first; each component's are freed when its plane is made.
                let mut bytes = components().map(blocks).sum::<u64>() * per_block;
                let mut most = bytes;
                for component in components() {
                    bytes += component.plane_bytes(self.scale) as u64;
                    most = most.max(bytes);
                    bytes -= blocks(component) * per_block;
                }
                most
            }
        };
        most + TABLES
    }

    /// The bytes of the planes.
    pub(super) fn planes_bytes(&self) -> u64 {
        let planes = self.components.iter();
        planes.map(|c| c.plane_bytes(self.scale) as u64).sum()
    }
}

impl ComponentGeometry {
    fn plane_bytes(&self, scale: Scale) -> usize {
        self.padded_wide * self.padded_high * scale.block() * scale.block()
    }
}
