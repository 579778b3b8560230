//! `If-Match` on writes (RFC 9110, section 13.1.1): an image's ETag is its stream's sequence.

use http::HeaderMap;

use crate::error::ApiError;

/// The precondition of a write on the image that it changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IfMatch {
    /// No precondition.
    Any,
    /// The image's stream must be at one of these sequences.
    Sequence(Vec<u64>),
}

impl IfMatch {
    /// Reads the header. `*` requires only existence, which every write requires anyway.
    /// A weak tag never matches (strong comparison), and neither does one that this server never
    /// made.
    pub fn of(headers: &HeaderMap) -> Self {
        let lines: Vec<_> = headers
            .get_all("if-match")
            .iter()
            .map(|line| line.to_str().unwrap_or_default().trim())
            .collect();
        match lines.as_slice() {
            [] | ["*"] => Self::Any,
            lines => Self::Sequence(
                lines
                    .iter()
                    .flat_map(|line| line.split(','))
                    .filter_map(|tag| {
                        tag.trim()
                            .strip_prefix('"')?
                            .strip_suffix('"')?
                            .parse()
                            .ok()
                    })
                    .collect(),
            ),
        }
    }

    /// Checks a stream's sequence.
    ///
    /// # Errors
    /// 412 when the image has changed.
    pub fn check(&self, sequence: u64) -> Result<(), ApiError> {
        match self {
            Self::Sequence(wanted) if !wanted.contains(&sequence) => {
                Err(ApiError::precondition_failed(
                    "the image has changed since the version named in If-Match",
                ))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn if_match(text: &str) -> IfMatch {
        let mut headers = HeaderMap::new();
        headers.insert("if-match", text.parse().unwrap());
        IfMatch::of(&headers)
    }

    #[test]
    fn only_a_strong_tag_of_the_present_sequence_matches() {
        assert!(if_match("\"3\"").check(3).is_ok());
        assert!(if_match("\"1\", \"3\"").check(3).is_ok());
        assert!(if_match("*").check(3).is_ok());
        assert!(IfMatch::of(&HeaderMap::new()).check(3).is_ok());
        for lost in ["\"2\"", "W/\"3\"", "3", "\"three\"", ""] {
            assert!(if_match(lost).check(3).is_err(), "{lost}");
        }
    }
}
