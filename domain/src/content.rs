//! An image's content: digest, format and size. The bytes themselves are in the blob store under
//! their digest.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::invalid_value::InvalidValue;
use crate::word::Word;

/// SHA-256 of some bytes, which is their name in the blob store.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ContentHash([u8; 32]);

impl ContentHash {
    /// Wraps a SHA-256 that the caller computed.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The raw 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for ContentHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ContentHash({self})")
    }
}

impl FromStr for ContentHash {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes)
            .map_err(|_| InvalidValue::new("digest", "must be 64 hexadecimal digits"))?;
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for ContentHash {
    type Error = InvalidValue;

    fn try_from(text: String) -> Result<Self, InvalidValue> {
        text.parse()
    }
}

impl From<ContentHash> for String {
    fn from(digest: ContentHash) -> String {
        digest.to_string()
    }
}

/// The picture formats that Photolog accepts and serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum MediaType {
    /// `image/png`
    #[serde(rename = "image/png")]
    Png,
    /// `image/jpeg`
    #[serde(rename = "image/jpeg")]
    Jpeg,
    /// `image/webp`
    #[serde(rename = "image/webp")]
    WebP,
}

impl MediaType {
    /// The media type as written in HTTP.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::WebP => "image/webp",
        }
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// The bytes that a client uploaded. They are never served publicly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// SHA-256 of the uploaded bytes; it decides uniqueness within an account.
    pub digest: ContentHash,
    /// Detected from the bytes; the client's declaration is ignored.
    pub media_type: Word<MediaType>,
    /// The length of the uploaded bytes.
    pub size_bytes: u64,
    /// In pixels, after EXIF orientation.
    pub width: u32,
    /// In pixels, after EXIF orientation.
    pub height: u32,
    /// Whether the picture has transparency.
    pub has_alpha: bool,
}

/// The picture from which every rendition is made: at most 2048 pixels a side, upright, sRGB,
/// without metadata.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Master {
    /// SHA-256 of the master's bytes.
    pub digest: ContentHash,
    /// The master's own format.
    pub media_type: Word<MediaType>,
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
}
