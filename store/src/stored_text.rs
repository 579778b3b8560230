//! Texts from the database into their types.

use std::fmt::Display;
use std::str::FromStr;

use crate::error::StoreError;

/// Parses a stored text.
pub(crate) fn parse<T: FromStr<Err: Display>>(text: &str) -> Result<T, StoreError> {
    text.parse()
        .map_err(|error| StoreError::Corrupt(format!("{text:?}: {error}")))
}
