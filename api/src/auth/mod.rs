//! Authentication: credentials become a [`Caller`], and a caller meets its limits.
//!
//! | file | what it holds |
//! | --- | --- |
//! | [`authenticator`] | checks a key's secret or a token |
//! | [`caller`] | the caller of a request, and what it may do |
//! | [`access`] | by what right a long answer goes on |
//! | [`issuer`], [`token`] | gives tokens out, checks and ends them; what they look like |
//! | [`secret`], [`edge_secret`] | secrets of keys, and the one that edges know |
//! | [`rate`], [`key_uses`] | how often a key may ask; when it last did |
//! | [`failures`] | refused credentials, in the log and in metrics |

pub mod access;
pub mod authenticator;
pub mod caller;
pub mod edge_secret;
pub mod failures;
pub mod issuer;
pub mod key_uses;
pub mod rate;
pub mod secret;
pub mod token;

pub use authenticator::{Authenticator, decode_basic};
pub use caller::{Caller, check_account};
