//! Identifiers. Each is parsed once, on entry, and trusted from then on.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::checked_text::checked_text;
use crate::invalid_value::InvalidValue;

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Wraps a UUID that the caller made.
            pub fn new(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The UUID itself.
            pub fn uuid(&self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(formatter)
            }
        }

        /// Accepts only the 8-4-4-4-12 form, in either case, so that an identifier has one spelling
        /// in URLs.
        impl FromStr for $name {
            type Err = InvalidValue;

            fn from_str(text: &str) -> Result<Self, InvalidValue> {
                if text.len() != 36 {
                    return Err(InvalidValue::new($what, "must be a UUID"));
                }
                Uuid::try_parse(text)
                    .map(Self)
                    .map_err(|_| InvalidValue::new($what, "must be a UUID"))
            }
        }
    };
}

uuid_id!(
    /// An image, and the id of its stream. A UUID, because Uploadcare's clients accept nothing else.
    ImageId,
    "image id"
);
uuid_id!(
    /// An account (tenant), and the id of its stream.
    AccountId,
    "account id"
);

/// The random name of an image in its public link: 21 URL-safe characters, 126 bits,
/// so that a link cannot be guessed from an image id or from another link.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicId(String);
checked_text!(PublicId);

impl PublicId {
    /// Length in characters.
    pub const LENGTH: usize = 21;

    fn accept(text: &str) -> Result<&str, InvalidValue> {
        let problem = "must be 21 URL-safe characters";
        url_safe(text, Self::LENGTH).ok_or(InvalidValue::new("public id", problem))
    }
}

/// The public half of an access key; its secret is shown once and stored only as a hash.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyId(String);
checked_text!(KeyId);

impl KeyId {
    /// Length in characters.
    pub const LENGTH: usize = 20;

    fn accept(text: &str) -> Result<&str, InvalidValue> {
        let problem = "must be 20 URL-safe characters";
        url_safe(text, Self::LENGTH).ok_or(InvalidValue::new("key id", problem))
    }
}

fn url_safe(text: &str, length: usize) -> Option<&str> {
    let url_safe = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    (text.len() == length && text.chars().all(url_safe)).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_id_has_one_spelling() {
        let text = "0190f7c2-1111-7aaa-8bbb-123456789abc";
        assert_eq!(text.parse::<ImageId>().unwrap().to_string(), text);
        assert_eq!(
            text.to_uppercase().parse::<ImageId>().unwrap().to_string(),
            text
        );
        for refused in [
            "",
            "0190f7c211117aaa8bbb123456789abc",
            "{0190f7c2-1111-7aaa-8bbb-123456789abc}",
            "../../../etc/passwd",
        ] {
            assert!(refused.parse::<ImageId>().is_err(), "{refused}");
        }
    }

    #[test]
    fn a_public_id_is_url_safe_and_of_one_length() {
        assert!("abcdefghij_-ABCDEFGH1".parse::<PublicId>().is_ok());
        for refused in [
            "short",
            "abcdefghij/-ABCDEFGH1",
            "abcdefghij%-ABCDEFGH1",
            "äbcdefghij_-ABCDEFGH",
        ] {
            assert!(refused.parse::<PublicId>().is_err(), "{refused}");
        }
    }
}
