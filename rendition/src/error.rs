//! Why bytes or a size were refused.

use crate::{MAX_PIXELS, MAX_SIDE, MOST_PARTS};

/// Why bytes are not an accepted picture. The text is fit for a client.
#[derive(Debug, thiserror::Error)]
pub enum RenditionError {
    /// Neither PNG, JPEG nor WebP.
    #[error("is not a PNG, JPEG or WebP picture")]
    UnknownFormat,
    /// A side is longer than allowed.
    #[error("has a side of more than {MAX_SIDE} pixels")]
    SideTooLong,
    /// The picture has more pixels than allowed.
    #[error("has more than {MAX_PIXELS} pixels")]
    TooManyPixels,
    /// A kind of picture that takes too much time or memory to decode at this size.
    #[error(
        "has too many pixels for {kind}, which may have at most {} million",
        *most_pixels as f64 / 1e6
    )]
    TooCostly {
        /// The kind, such as `a progressive JPEG`.
        kind: &'static str,
        /// The most pixels that a picture of this kind may have.
        most_pixels: u64,
    },
    /// The file consists of more parts than any encoder writes.
    #[error("consists of more than {MOST_PARTS} parts")]
    TooManyParts,
    /// The bytes end too early.
    #[error("is truncated")]
    Truncated,
    /// The bytes do not match their header.
    #[error("cannot be decoded: {0}")]
    Damaged(String),
    /// A correct picture of an unsupported kind.
    #[error("is of an unsupported kind: {0}")]
    Unsupported(String),
    /// The result could not be written.
    #[error("cannot be encoded: {0}")]
    Encode(String),
}

impl RenditionError {
    /// A stable name for each kind, for callers across a language border.
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownFormat => "unknown_format",
            Self::SideTooLong => "side_too_long",
            Self::TooManyPixels => "too_many_pixels",
            Self::TooCostly { .. } => "too_costly",
            Self::TooManyParts => "too_many_parts",
            Self::Truncated => "truncated",
            Self::Damaged(_) => "damaged",
            Self::Unsupported(_) => "unsupported",
            Self::Encode(_) => "encode",
        }
    }
}

/// A size that is not of the form `WxH` with one to five digits each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a size must look like 400x400")]
pub struct InvalidSize;
