//! Texts of the database into the types that they stand for.

use std::fmt::Display;
use std::str::FromStr;

use crate::error::StoreError;

/// A stored text, parsed.
pub(crate) fn parse<T: FromStr<Err: Display>>(text: &str) -> Result<T, StoreError> {
    text.parse()
        .map_err(|error| StoreError::Corrupt(format!("{text:?}: {error}")))
}
