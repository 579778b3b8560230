//! The operator at the command line: the actor of the events that its commands write.

use std::fmt;
use std::str::FromStr;

use photolog_domain::InvalidValue;

/// `operator`, or `operator:LABEL` when a label was given. Names of users or machines are never
/// recorded automatically, because events are permanent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Operator {
    label: Option<String>,
}

impl Operator {
    /// Longest label, in characters.
    pub const MAX_CHARACTERS: usize = 64;
}

impl fmt::Display for Operator {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("operator")?;
        match &self.label {
            Some(label) => write!(formatter, ":{label}"),
            None => Ok(()),
        }
    }
}

/// From a label.
impl FromStr for Operator {
    type Err = InvalidValue;

    fn from_str(label: &str) -> Result<Self, InvalidValue> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || ".-_@".contains(c);
        let fits = (1..=Self::MAX_CHARACTERS).contains(&label.len());
        if fits && label.chars().all(allowed) {
            Ok(Self {
                label: Some(label.to_owned()),
            })
        } else {
            Err(InvalidValue {
                what: "the label",
                problem: "must have 1 to 64 letters (a to z), digits, '.', '-', '_' and '@'",
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_follows_operator_and_holds_plain_characters() {
        assert_eq!(Operator::default().to_string(), "operator");
        let labelled: Operator = "jo.doe-2_x@example".parse().unwrap();
        assert_eq!(labelled.to_string(), "operator:jo.doe-2_x@example");
        assert!("a".repeat(64).parse::<Operator>().is_ok());
        for refused in ["", "a b", "a:b", "ä", "a\n", "=1", &"a".repeat(65)] {
            assert!(refused.parse::<Operator>().is_err(), "{refused:?}");
        }
    }
}
