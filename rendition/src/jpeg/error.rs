//! Why a JPEG was refused. One enum for the whole module, apart from the rest so that the decoder's
//! inner files need nothing but this; it must not know what a caller makes of a refusal.

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
    /// The bytes contradict themselves or the standard.
    #[error("corrupt JPEG: {0}")]
    Corrupt(&'static str),
    /// More segments than any encoder writes.
    #[error("a JPEG with too many segments")]
    TooManySegments,
    /// A legal file of a kind that we do not read, such as 12-bit or arithmetic coding.
    #[error("unsupported JPEG: {0}")]
    Unsupported(&'static str),
    /// The planes given to the encoder do not form a picture that baseline JPEG can hold.
    #[error("not encodable as JPEG: {0}")]
    NotEncodable(&'static str),
}
