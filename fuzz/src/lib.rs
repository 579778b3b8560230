//! Every parser that reads what clients or files bring, fed with bytes that nobody would send.
//!
//! | file | what it holds |
//! | --- | --- |
//! | [`targets`] | the entry points, one for each parser |
//! | [`corpus`] | inputs to begin with, and inputs that once broke something |
//! | [`mutator`] | new inputs out of old ones |
//! | [`campaign`] | runs a target for a while, and keeps what breaks it |
//! | [`limits`] | how much time and memory one input may take |
//!
//! `cargo xtask fuzz` runs this on stable Rust; `fuzz/libfuzzer` gives the same targets to libFuzzer,
//! which is guided by coverage. `docs/adr/0008-own-fuzz-harness.md` says why there are both.

#![forbid(unsafe_code)]

pub mod campaign;
pub mod corpus;
pub mod limits;
pub mod mutator;
pub mod targets;

/// One parser.
pub struct Target {
    /// Its name on the command line and of its folders.
    pub name: &'static str,
    /// Feeds it one input. Panics when a promise is broken; what it returns tells kinds of
    /// outcomes apart, so that inputs which lead to a new one are kept and mutated further.
    pub run: fn(&[u8]) -> u64,
    /// Words and bytes that mean something to it.
    pub dictionary: &'static [&'static str],
    /// Repairs what would be refused at the first look, such as checksums.
    pub repair: Option<fn(&mut [u8])>,
    /// Inputs to begin with, written to its corpus by `photolog-fuzz --write-corpora`.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Most bytes of an input.
    pub longest: usize,
    /// What one input may take.
    pub limits: limits::Limits,
}
