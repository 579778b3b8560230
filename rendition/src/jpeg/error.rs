//! Why a JPEG was refused. One enum for the whole module, separate from the rest so that the
//! decoder's inner files need nothing but this; it must not depend on how a caller handles a
//! refusal.

/// Why a JPEG could not be decoded or encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JpegError {
    /// The bytes do not begin with a start-of-image marker.
    #[error("not a JPEG: no start-of-image marker")]
    NotJpeg,
    /// The bytes end before the picture does.
    #[error("the JPEG ends before the picture is complete")]
    Truncated,
    /// The bytes contradict each other or the standard.
    #[error("corrupt JPEG: {0}")]
    Corrupt(&'static str),
    /// More segments than any encoder writes.
    #[error("a JPEG with too many segments")]
    TooManySegments,
    /// A legal file of an unsupported kind, such as 12-bit or arithmetic coding.
    #[error("unsupported JPEG: {0}")]
    Unsupported(&'static str),
    /// The planes do not form a picture that baseline JPEG can represent.
    #[error("not encodable as JPEG: {0}")]
    NotEncodable(&'static str),
}
