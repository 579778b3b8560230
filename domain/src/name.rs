//! Names and reasons: one line of text that people choose, and that others read in lists and
//! responses.

use serde::{Deserialize, Serialize};

use crate::checked_text::checked_text;
use crate::invalid_value::InvalidValue;

/// The name of an account or a key, or of a key's owner: 1 to 200 characters without control
/// characters, and without surrounding spaces.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);
checked_text!(Name);

impl Name {
    /// The maximum length of a name, in characters (not bytes).
    pub const MAX_CHARACTERS: usize = 200;

    fn accept(text: &str) -> Result<&str, InvalidValue> {
        let problem = "must have 1 to 200 characters";
        line("the name", text, Self::MAX_CHARACTERS, problem)
    }
}

/// Why an account was suspended or closed: 1 to 500 characters, with the same rules.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Reason(String);
checked_text!(Reason);

impl Reason {
    /// The maximum length of a reason, in characters (not bytes).
    pub const MAX_CHARACTERS: usize = 500;

    fn accept(text: &str) -> Result<&str, InvalidValue> {
        let problem = "must have 1 to 500 characters";
        line("the reason", text, Self::MAX_CHARACTERS, problem)
    }
}

/// The text without surrounding spaces, if it is one line and readable.
fn line<'a>(
    what: &'static str,
    text: &'a str,
    most: usize,
    length_problem: &'static str,
) -> Result<&'a str, InvalidValue> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > most {
        Err(InvalidValue::new(what, length_problem))
    } else if text.chars().any(is_unreadable) {
        let problem = "may not hold line breaks or other control characters";
        Err(InvalidValue::new(what, problem))
    } else {
        Ok(text)
    }
}

/// Whether a character breaks a line, controls a terminal, or reorders the text after it.
fn is_unreadable(character: char) -> bool {
    character.is_control() || matches!(character, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_line_without_spaces_around_it() {
        let name: Name = "  Web shop „Ärger“ 🎈 ".parse().unwrap();
        assert_eq!(name.as_str(), "Web shop „Ärger“ 🎈");
        assert!("ü".repeat(200).parse::<Name>().is_ok());
        for refused in [
            "",
            " \t ",
            "two\nlines",
            "bell\u{7}",
            "escape\u{1b}[31m",
            "nul\0",
            "next\u{85}line",
            "line\u{2028}separator",
            "turned\u{202e}round",
            "isolated\u{2066}",
            &"ü".repeat(201),
        ] {
            assert!(refused.parse::<Name>().is_err(), "{refused:?}");
        }
    }

    #[test]
    fn a_refusal_says_what_is_wrong() {
        let refused = "".parse::<Name>().unwrap_err().to_string();
        assert_eq!(refused, "the name must have 1 to 200 characters");
        let refused = "a\nb".parse::<Reason>().unwrap_err().to_string();
        assert_eq!(
            refused,
            "the reason may not hold line breaks or other control characters"
        );
    }
}
