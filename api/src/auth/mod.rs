//! Authentication: resolves credentials to a [`Caller`], and applies the caller's limits.
//!
//! | file | contents |
//! | --- | --- |
//! | [`authenticator`] | checks a key's secret or a token |
//! | [`caller`] | the caller of a request, and what it may do |
//! | [`access`] | access checks during a long response |
//! | [`issuer`], [`token`] | issues, checks and revokes tokens; their format |
//! | [`secret`], [`edge_secret`] | secrets of keys, and the secret that edges share |
//! | [`rate`], [`key_uses`] | the request rate of a key; when it was last used |
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
