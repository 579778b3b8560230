//! JPEG, from bytes to planes and back (ITU-T T.81): a decoder that makes the picture at n/8 of its
//! size straight from the coefficients, a baseline encoder, and the colour formulas between.
//!
//! Own code because no available library does all that the edge needs: separate planes without
//! colour conversion, scaled decoding, and progressive pictures without memory for all
//! coefficients.
//!
//! Start at [`decode()`] and [`encode()`]. Bytes flow through `segments` and `header`, then `bits`
//! and `huffman`; `scan` walks the blocks for `sequential` or `progressive`; `idct` makes samples.
//! All arithmetic is in integers, so that every platform makes the same bytes. This folder must not
//! depend on the service's sizes, formats or limits: the caller checks the [`Header`] first.

mod basis;
mod bits;
mod coefficients;
mod colour;
mod encode;
mod error;
mod fdct;
mod geometry;
mod header;
mod huffman;
mod huffman_code;
mod idct;
mod planes;
mod progressive;
mod progressive_plan;
mod scan;
mod segments;
mod sequential;
mod skip;
mod tables;
mod tokens;
mod upsample;
mod zigzag;

pub use colour::{Subsampling, from_rgb, to_rgb};
pub use encode::encode;
pub use error::JpegError;
pub use header::{Coding, Component, Header, IccChunk};
pub use planes::{Colour, Plane, Planes, Scale};

use geometry::Geometry;

/// The most that [`encode()`] allocates beside its result.
pub const MOST_ENCODER_BYTES: u64 = (tokens::MOST_KEPT * size_of::<tokens::Token>()) as u64;

/// Decodes a picture at a scale.
///
/// Strict where pictures get lost: data that ends early or contradicts itself is an error. Lenient
/// where cameras are careless: bytes between segments and after the picture do not matter, nor does
/// a missing end marker once every block was read.
///
/// # Errors
/// See [`JpegError`]. Check the [`Header`] and [`memory_needed`] first: this function allocates
/// whatever the picture needs.
pub fn decode(bytes: &[u8], scale: Scale) -> Result<Planes, JpegError> {
    let header = Header::parse(bytes)?;
    let geometry = Geometry::new(&header, scale);
    if (bytes.len() as u64) < fewest_bytes(&header) {
        return Err(JpegError::Truncated);
    }
    let planes = match header.coding {
        Coding::Sequential => sequential::decode(bytes, &header, &geometry)?,
        Coding::Progressive => progressive::decode(bytes, &header, &geometry)?,
    };
    Ok(geometry.into_planes(planes))
}

/// The fewest bytes of such a picture: the shortest code has one bit, and each block at least one
/// code. A file that is far too short can be refused before any memory is allocated.
#[must_use]
pub fn fewest_bytes(header: &Header) -> u64 {
    Geometry::new(header, Scale::EIGHTH).blocks() as u64 / 8
}

/// Upper bound, in bytes, of what [`decode`] allocates, its result included.
#[must_use]
pub fn memory_needed(header: &Header, scale: Scale) -> u64 {
    Geometry::new(header, scale).memory(header.coding)
}

/// The part of [`memory_needed`] that the result takes.
#[must_use]
pub fn decoded_bytes(header: &Header, scale: Scale) -> u64 {
    Geometry::new(header, scale).planes_bytes()
}
