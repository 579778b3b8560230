//! Why a value was refused.

/// A text that cannot be parsed as the intended value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} {problem}")]
pub struct InvalidValue {
    /// What was to be parsed, for example "metadata key".
    pub what: &'static str,
    /// What is wrong with it, phrased for the client.
    pub problem: &'static str,
}

impl InvalidValue {
    pub(crate) fn new(what: &'static str, problem: &'static str) -> Self {
        Self { what, problem }
    }
}
