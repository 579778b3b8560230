//! Text types that are validated once, on entry, and trusted from then on.

/// What such a type needs in addition to its own `accept(&str) -> Result<&str, InvalidValue>`,
/// which returns the part of a text that is kept.
macro_rules! checked_text {
    ($name:ident) => {
        impl $name {
            /// The text itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidValue;

            fn from_str(text: &str) -> Result<Self, InvalidValue> {
                Self::accept(text).map(|kept| Self(kept.to_owned()))
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidValue;

            fn try_from(text: String) -> Result<Self, InvalidValue> {
                match Self::accept(&text)? {
                    kept if kept.len() < text.len() => Ok(Self(kept.to_owned())),
                    _ => Ok(Self(text)),
                }
            }
        }

        impl From<$name> for String {
            fn from(text: $name) -> String {
                text.0
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

pub(crate) use checked_text;
