//! Words of the log: one of a fixed list, or the text of one that a newer version added to the
//! list.
//!
//! Reading the log preserves every word, so an unknown one does not stop a reader; requests and the
//! command line accept only known words.

use std::fmt;

use serde::Serialize;
use serde::de::value::{Error, StrDeserializer};
use serde::de::{Deserialize, DeserializeOwned, Deserializer};

/// A word as it is in the log. Writing it again yields the same text.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(untagged)]
pub enum Word<T> {
    /// A word that this version knows.
    Known(T),
    /// A word that only a newer version knows.
    Unknown(Box<str>),
}

impl<T> Word<T> {
    /// The word, if this version knows it.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(word) => Some(word),
            Self::Unknown(_) => None,
        }
    }
}

impl<T> From<T> for Word<T> {
    fn from(word: T) -> Self {
        Self::Known(word)
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Word<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Box::<str>::deserialize(deserializer)?;
        let known = T::deserialize(StrDeserializer::<Error>::new(&text));
        Ok(known.map_or(Self::Unknown(text), Self::Known))
    }
}

impl<T: fmt::Display> fmt::Display for Word<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(word) => word.fmt(formatter),
            Self::Unknown(text) => formatter.write_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::{MediaType, Scope};

    fn read<T: DeserializeOwned>(text: &str) -> Word<T> {
        serde_json::from_value(json!(text)).unwrap()
    }

    /// The displayed and the serialised text of a word that is read as one of `T`.
    fn passed_through<T>(text: &str) -> (String, Value)
    where
        T: DeserializeOwned + Serialize + fmt::Display,
    {
        let word = read::<T>(text);
        (word.to_string(), serde_json::to_value(&word).unwrap())
    }

    #[test]
    fn known_words_are_known() {
        assert_eq!(read("images.read"), Word::Known(Scope::ImagesRead));
        assert_eq!(read("image/webp"), Word::Known(MediaType::WebP));
        assert_eq!(read::<Scope>("images.undo").known(), None);
        assert_eq!(read::<MediaType>("Image/PNG").known(), None);
    }

    #[test]
    fn a_word_is_text() {
        for not_text in [
            json!(null),
            json!(1),
            json!(["image/png"]),
            json!({"image/png": {}}),
        ] {
            let read = serde_json::from_value::<Word<MediaType>>(not_text.clone());
            assert!(read.is_err(), "{not_text}");
        }
    }

    proptest! {
        #[test]
        fn every_word_is_printed_and_written_as_it_was_read(
            text in "images\\.read|image/(png|jpeg|webp|avif)|.*"
        ) {
            let same = (text.clone(), json!(text));
            prop_assert_eq!(&passed_through::<Scope>(&text), &same);
            prop_assert_eq!(&passed_through::<MediaType>(&text), &same);
        }
    }
}
