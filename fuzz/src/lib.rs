//! Every parser of data from clients or files, fed with bytes that no client would send.
//!
//! | file | what it holds |
//! | --- | --- |
//! | [`targets`] | the entry points, one for each parser |
//! | [`corpus`] | initial inputs, and inputs that once failed |
//! | [`mutator`] | new inputs from old ones |
//! | [`campaign`] | runs a target for a while, and stores inputs that fail |
//! | [`limits`] | how much time and memory one input may take |
//!
//! `cargo xtask fuzz` runs this on stable Rust; `fuzz/libfuzzer` gives the same targets to
//! libFuzzer, which is guided by coverage. `docs/adr/0008-own-fuzz-harness.md` says why there are
//! both.

#![forbid(unsafe_code)]

pub mod campaign;
pub mod corpus;
pub mod limits;
pub mod mutator;
pub mod targets;

/// One parser.
pub struct Target {
    /// Its name on the command line and the name of its folders.
    pub name: &'static str,
    /// Feeds it one input. Panics when a property does not hold; the returned value identifies the
    /// kind of outcome, so that inputs which lead to a new one are stored and mutated further.
    pub run: fn(&[u8]) -> u64,
    /// Words and bytes that are meaningful to it.
    pub dictionary: &'static [&'static str],
    /// Repairs fields that would be rejected at once, such as checksums.
    pub repair: Option<fn(&mut [u8])>,
    /// Initial inputs, written to its corpus by `photolog-fuzz --write-corpora`.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// The longest input, in bytes.
    pub longest: usize,
    /// The limits of one input.
    pub limits: limits::Limits,
}
