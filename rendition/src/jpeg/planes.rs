//! Pictures as separate planes of samples, and the scales at which a decoder can make them. Its own
//! file because the rest of the crate uses these types on both sides of the codec.

use super::{Header, JpegError};

/// What the components of a picture mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// One plane of grey.
    Grey,
    /// Luma and two colour differences, full range, as JFIF defines them.
    YCbCr,
    /// Red, green, blue.
    Rgb,
    /// Four inks.
    Cmyk {
        /// Whether 255 means no ink, as Adobe's products write it.
        inverted: bool,
    },
    /// Four inks, the first three turned into luma and colour differences.
    Ycck {
        /// Whether 255 means no ink, as Adobe's products write it.
        inverted: bool,
    },
}

impl Colour {
    /// The number of planes of a picture of this kind.
    #[must_use]
    pub const fn planes(self) -> usize {
        match self {
            Self::Grey => 1,
            Self::YCbCr | Self::Rgb => 3,
            Self::Cmyk { .. } | Self::Ycck { .. } => 4,
        }
    }
}

/// One component's samples.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plane {
    /// Samples in a row that belong to the picture.
    pub width: usize,
    /// Rows that belong to the picture.
    pub height: usize,
    /// Samples from the start of one row to the next; those past `width` are padding.
    pub stride: usize,
    /// At least `height` rows of `stride` samples; a decoder may leave more.
    pub samples: Vec<u8>,
}

impl Plane {
    /// A plane of the given size, without padding, all zero.
    #[must_use]
    pub fn new(width: usize, height: usize) -> Self {
        Self {
            width,
            height,
            stride: width,
            samples: vec![0; width * height],
        }
    }

    /// The samples of row `y` without padding.
    #[must_use]
    pub fn row(&self, y: usize) -> &[u8] {
        &self.samples[y * self.stride..][..self.width]
    }

    /// The samples of row `y` without padding, mutable.
    #[must_use]
    pub fn row_mut(&mut self, y: usize) -> &mut [u8] {
        &mut self.samples[y * self.stride..][..self.width]
    }

    /// Whether the samples contain every row of the declared size.
    pub(super) fn is_sound(&self) -> bool {
        let rows = self.height.saturating_mul(self.stride);
        self.width > 0 && self.height > 0 && self.stride >= self.width && self.samples.len() >= rows
    }
}

/// A picture as planes, each with its own size: chroma may be smaller than luma.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planes {
    /// Width of the picture that the planes describe together.
    pub width: usize,
    /// Height of the picture that the planes describe together.
    pub height: usize,
    /// What the planes mean.
    pub colour: Colour,
    /// As many planes as `colour` requires.
    pub planes: Vec<Plane>,
}

impl Planes {
    /// Whether there are as many planes as the colour model needs, each with all of its rows.
    pub(super) fn is_sound(&self) -> bool {
        self.planes.len() == self.colour.planes()
            && self.width > 0
            && self.height > 0
            && self.planes.iter().all(Plane::is_sound)
    }
}

/// The scale at which a picture is decoded, in eighths of its own size.
///
/// Blocks of 8 x 8 coefficients turn directly into blocks of n x n samples, so that a smaller
/// picture costs less, and loses less, than shrinking a decoded one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Scale(u8);

impl Scale {
    /// The picture's own size.
    pub const FULL: Self = Self(8);
    /// Half of each side.
    pub const HALF: Self = Self(4);
    /// A quarter of each side.
    pub const QUARTER: Self = Self(2);
    /// An eighth of each side: one sample a block.
    pub const EIGHTH: Self = Self(1);

    /// `eighths` / 8, for 1 to 8 eighths.
    #[must_use]
    pub const fn new(eighths: u8) -> Option<Self> {
        match eighths {
            1..=8 => Some(Self(eighths)),
            _ => None,
        }
    }

    /// The smallest scale at which the picture still has `width` x `height` pixels, or the full
    /// one. To resize with hardly any loss, request 1.5 times the wanted size.
    #[must_use]
    pub fn covering(header: &Header, width: u32, height: u32) -> Self {
        let covers = |side: u32, wanted: u32, eighths: u8| {
            u64::from(side) * u64::from(eighths) >= u64::from(wanted) * 8
        };
        (1..=8)
            .find(|&n| covers(header.width, width, n) && covers(header.height, height, n))
            .map_or(Self::FULL, Self)
    }

    /// The number of eighths.
    #[must_use]
    pub const fn eighths(self) -> u8 {
        self.0
    }

    /// Samples of a block in each direction.
    pub(super) fn block(self) -> usize {
        self.0.into()
    }
}

/// Allocates `count` items; fails if the platform does not have the memory.
pub(super) fn allocate<T: Clone + Default>(count: usize) -> Result<Vec<T>, JpegError> {
    let mut items = Vec::new();
    items
        .try_reserve_exact(count)
        .map_err(|_| JpegError::Unsupported("a picture too large for this machine's memory"))?;
    items.resize(count, T::default());
    Ok(items)
}
