//! Settings that may hold a secret. clap repeats a value that it refuses, and what a program prints
//! at a failed start ends up in logs; so these are refused without being repeated.

use std::ffi::OsStr;
use std::fmt::Display;
use std::marker::PhantomData;
use std::str::FromStr;

use clap::builder::TypedValueParser;
use clap::error::ErrorKind;
use clap::{Arg, Command, Error};

/// Parses a value, and says what is wrong with it but not what it is.
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

#[cfg(test)]
mod tests {
    use crate::cli::Cli;

    #[test]
    fn a_refused_secret_is_not_repeated() {
        for setting in [
            "--edge-secret=hunter2",
            "--edges=https://user:hunter2@127.0.0.1",
            "--blob-url=s3://key:hunter2@pictures",
        ] {
            let error = Cli::try_read(["photolog", setting]).unwrap_err();
            let said = error.to_string();
            let name = setting.split('=').next().unwrap();
            assert!(said.contains(name), "{said}");
            assert!(!said.contains("hunter2"), "{said}");
        }
    }
}
