//! The audit: who changed what, when and why, with what stood there before and after.
//!
//! | file | what it holds |
//! | --- | --- |
//! | [`show`](mod@show) | the endpoint |
//! | [`filter`] | which events, in which form |
//! | [`entry`] | one event with its before and after |
//! | [`walk`] | through a stream, some events at a time |
//! | [`export`] | a whole history, for as long as its reader may read |
//!
//! Strong: folded from the image's own stream.

pub mod entry;
pub mod export;
pub mod filter;
pub mod show;
pub mod walk;

pub use show::show;
