//! Settings that may hold a secret. clap prints a value that it refuses, and the output of a failed
//! start ends up in logs; so these are refused without being printed.

use std::ffi::OsStr;
use std::fmt::Display;
use std::marker::PhantomData;
use std::str::FromStr;

use clap::builder::TypedValueParser;
use clap::error::ErrorKind;
use clap::{Arg, Command, Error};

/// Parses a value; the error describes the problem without the value.
#[derive(Clone, Debug)]
pub struct Unrepeated<T>(PhantomData<fn() -> T>);

/// A parser for a setting of this type.
pub fn unrepeated<T>() -> Unrepeated<T> {
    Unrepeated(PhantomData)
}

impl<T> TypedValueParser for Unrepeated<T>
where
    T: FromStr<Err: Display> + Clone + Send + Sync + 'static,
{
    type Value = T;

    fn parse_ref(
        &self,
        command: &Command,
        setting: Option<&Arg>,
        value: &OsStr,
    ) -> Result<T, Error> {
        let name = setting.map(Arg::to_string).unwrap_or_default();
        let refused = |problem: &dyn Display| {
            Error::raw(ErrorKind::ValueValidation, format!("{name}: {problem}\n")).with_cmd(command)
        };
        let text = value.to_str().ok_or_else(|| refused(&"must be text"))?;
        text.parse().map_err(|problem: T::Err| refused(&problem))
    }
}
