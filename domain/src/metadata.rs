//! The customer's metadata: one map shared by all dialects.
//!
//! The limits are the union of those that the dialects allow; each dialect enforces its own
//! narrower limits on writes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::checked_text::checked_text;
use crate::invalid_value::InvalidValue;

/// The maximum number of keys of an image (OpenStack's default quota, the largest of the dialects).
pub const MAX_KEYS: usize = 128;

/// An image's metadata, in key order.
pub type Metadata = BTreeMap<MetadataKey, MetadataValue>;

/// A metadata key: `[A-Za-z0-9_.:\- ]{1,255}`, case-sensitive.
///
/// `.` and `..` are refused because URL clients normalise them away, which would make them
/// unreadable.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MetadataKey(String);
checked_text!(MetadataKey);

impl MetadataKey {
    /// The maximum length of a key, in characters.
    pub const MAX_CHARACTERS: usize = 255;
    /// The reserved key that holds the [`AltText`].
    pub const ALT_TEXT: &'static str = "altText";

    /// The reserved key `altText`.
    pub fn alt_text() -> Self {
        Self(Self::ALT_TEXT.to_owned())
    }

    fn accept(text: &str) -> Result<&str, InvalidValue> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "_.:- ".contains(c);
        if text.is_empty() || text.len() > Self::MAX_CHARACTERS {
            Err(InvalidValue::new(
                "metadata key",
                "must have 1 to 255 characters",
            ))
        } else if !text.chars().all(allowed) {
            Err(InvalidValue::new(
                "metadata key",
                "may hold only letters, digits, '_', '.', ':', '-' and space",
            ))
        } else if text == "." || text == ".." {
            Err(InvalidValue::new("metadata key", "may not be '.' or '..'"))
        } else {
            Ok(text)
        }
    }
}

/// A metadata value: at most 512 characters, no NUL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MetadataValue(String);
checked_text!(MetadataValue);

impl MetadataValue {
    /// The maximum length of a value, in characters.
    pub const MAX_CHARACTERS: usize = 512;

    fn accept(text: &str) -> Result<&str, InvalidValue> {
        if text.chars().count() > Self::MAX_CHARACTERS {
            Err(InvalidValue::new(
                "metadata value",
                "may have at most 512 characters",
            ))
        } else if text.contains('\0') {
            Err(InvalidValue::new("metadata value", "may not hold NUL"))
        } else {
            Ok(text)
        }
    }
}

/// The alternative text of a picture: 1 to 125 characters, no NUL. Stored under the key `altText`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AltText(String);
checked_text!(AltText);

impl AltText {
    /// The maximum length of an alternative text, in characters (not bytes).
    pub const MAX_CHARACTERS: usize = 125;

    fn accept(text: &str) -> Result<&str, InvalidValue> {
        if text.is_empty() {
            Err(InvalidValue::new("altText", "may not be empty"))
        } else if text.chars().count() > Self::MAX_CHARACTERS {
            Err(InvalidValue::new(
                "altText",
                "may have at most 125 characters",
            ))
        } else if text.contains('\0') {
            Err(InvalidValue::new("altText", "may not hold NUL"))
        } else {
            Ok(text)
        }
    }
}

impl From<AltText> for MetadataValue {
    fn from(text: AltText) -> Self {
        Self(text.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keys_are_accepted_and_refused() {
        for accepted in [
            "a",
            "altText",
            "os:type",
            "a b",
            "x-y_z.0",
            &"k".repeat(255),
        ] {
            assert!(accepted.parse::<MetadataKey>().is_ok(), "{accepted}");
        }
        for refused in ["", ".", "..", "a/b", "ä", "a\0b", "a%20b", &"k".repeat(256)] {
            assert!(refused.parse::<MetadataKey>().is_err(), "{refused}");
        }
    }

    #[test]
    fn lengths_are_counted_in_characters() {
        assert!("ü".repeat(512).parse::<MetadataValue>().is_ok());
        assert!("ü".repeat(513).parse::<MetadataValue>().is_err());
        assert!("😀".repeat(125).parse::<AltText>().is_ok());
        assert!("a".repeat(126).parse::<AltText>().is_err());
        assert!("".parse::<AltText>().is_err());
        assert!("".parse::<MetadataValue>().is_ok());
    }

    proptest! {
        #[test]
        fn parse_and_print_round_trip(key in "[A-Za-z0-9_.:\\- ]{3,255}", value in "[^\0]{0,512}") {
            prop_assert_eq!(key.parse::<MetadataKey>().unwrap().to_string(), key);
            prop_assert_eq!(value.parse::<MetadataValue>().unwrap().to_string(), value);
        }

        #[test]
        fn any_text_is_judged_without_a_panic(text in ".*") {
            let _ = text.parse::<MetadataKey>();
            let _ = text.parse::<AltText>();
        }
    }
}
