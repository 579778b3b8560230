//! The audit: who changed what, when and why, with the values before and after.
//!
//! | file | what it holds |
//! | --- | --- |
//! | [`show`](mod@show) | the endpoint |
//! | [`filter`] | which events, and in which format |
//! | [`entry`] | one event with its before and after |
//! | [`walk`] | reads a stream in batches |
//! | [`export`] | a whole history as a stream, for as long as its reader has access |
//!
//! Strongly consistent: folded from the image's own stream.

pub mod entry;
pub mod export;
pub mod filter;
pub mod show;
pub mod walk;

pub use show::show;
