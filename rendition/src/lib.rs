//! Pixels only: pure functions from bytes to bytes, the same natively and in WASM.
//!
//! An upload becomes a *master* once ([`make_master`]); every legal size and format is rendered
//! from the master ([`render`]). Sizes, content negotiation and ETags live here as well, because
//! the responses of origin and edge must be alike.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `media_type` | PNG, JPEG, WebP: recognised by their bytes |
//! | `size` | `WxH`: parsed, clamped, fitted |
//! | `negotiate` | `Accept` with q-values |
//! | `conditional` | ETags and `If-None-Match` |
//! | `decode`, `cost` | limits first, then pixels |
//! | `png`, `webp`, `slices`, `rows` | files read chunk by chunk, pictures row by row |
//! | `bits`, `prefix` | the common parts of lossless WebP and deflate |
//! | `picture` | decoded pixels |
//! | `master`, `profile` | upload to master: upright, sRGB, no metadata |
//! | `resize`, `encode` | filter choice; format and quality |
//! | `jpeg` | our own JPEG codec |
//! | `error` | why bytes were refused |

#![forbid(unsafe_code)]

mod bits;
mod conditional;
mod cost;
mod decode;
mod encode;
mod error;
pub mod jpeg;
#[cfg(feature = "ingest")]
mod master;
mod media_type;
mod negotiate;
mod picture;
mod png;
mod prefix;
#[cfg(feature = "ingest")]
mod profile;
mod resize;
mod rows;
mod size;
mod slices;
mod webp;

use decode::Header;

pub use conditional::{etag, if_none_match};
pub use cost::{rendering_bytes, rendition_bytes};
pub use decode::{Inspection, inspect};
pub use error::{InvalidSize, RenditionError};
#[cfg(feature = "ingest")]
pub use master::{Master, make_master};
pub use media_type::MediaType;
pub use negotiate::negotiate;
pub use size::{Dimensions, RequestedSize};

/// Longest side of an upload, in pixels.
pub const MAX_SIDE: u32 = 16_384;
/// Most pixels of an upload.
pub const MAX_PIXELS: u64 = 100_000_000;
/// Longest side of a master, and so of every rendition, in pixels.
pub const MAX_RENDITION_SIDE: u32 = 2_048;
/// Most chunks of a PNG or WebP, and most segments of a JPEG.
pub const MOST_PARTS: usize = 65_536;
/// Larger profiles and EXIF blocks are skipped, compressed or not.
const MOST_SIDE_BYTES: usize = 4 << 20;
/// Changes when the same master would give other bytes; part of every ETag and cache key.
pub const RENDERER_VERSION: u32 = 2;

/// The properties of a master that determine a size and a format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MasterInfo {
    /// The master's format.
    pub media_type: MediaType,
    /// The master's size.
    pub dimensions: Dimensions,
    /// Whether it has transparency.
    pub has_alpha: bool,
}

/// The rendition to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RenditionSpec {
    /// The effective size: see [`RequestedSize::effective`].
    pub dimensions: Dimensions,
    /// The format.
    pub media_type: MediaType,
}

/// Renders a master. If the spec is the master's own size and format, returns the master's bytes.
///
/// # Errors
/// When the bytes are not a master made by [`make_master`].
pub fn render(master: &[u8], spec: &RenditionSpec) -> Result<Vec<u8>, RenditionError> {
    let header = Header::read(master)?;
    if header.media_type() == spec.media_type && header.stored == spec.dimensions {
        return Ok(master.to_vec());
    }
    let picture = decode::pixels(master, &header, spec.dimensions)?;
    let picture = resize::fit(picture, spec.dimensions)?;
    encode::encode(picture, spec.media_type, encode::Purpose::Rendition)
}
