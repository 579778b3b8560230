//! The secret that origin and edges share.

use std::str::FromStr;

use http::HeaderMap;
use photolog_domain::ContentHash;

use super::secret;
use crate::error::ApiError;
use crate::http::header::header;

/// The secret that origin and edge share, kept as its hash. Empty means none: no edge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EdgeSecret(Option<ContentHash>);

impl EdgeSecret {
    const SHORTEST: usize = 16;

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Lets an edge in. Where no secret is set, nobody learns that its paths exist.
    ///
    /// # Errors
    /// 404 without a secret here, 401 without the right one there.
    pub fn check(&self, headers: &HeaderMap) -> Result<(), ApiError> {
        let Some(kept) = &self.0 else {
            return Err(ApiError::not_found("there is nothing at this path"));
        };
        let given = header(headers, "authorization")
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, secret)| secret.trim());
        match given {
            Some(given) if secret::matches(given, kept) => Ok(()),
            _ => Err(ApiError::unauthenticated().because("edge_secret")),
        }
    }

    /// What the origin shows to edges: the secret's hash, so that the secret itself need not be
    /// kept, and what is overheard here opens nothing there.
    pub(crate) fn push_token(&self) -> String {
        self.0.map(|kept| kept.to_string()).unwrap_or_default()
    }
}

impl FromStr for EdgeSecret {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.len() {
            0 => Ok(Self(None)),
            1..Self::SHORTEST => Err(format!("must have at least {} characters", Self::SHORTEST)),
            _ => Ok(Self(Some(secret::hash(text)))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_absent_or_long_enough() {
        assert_eq!("".parse(), Ok(EdgeSecret(None)));
        assert!("short".parse::<EdgeSecret>().is_err());
        let secret: EdgeSecret = "0123456789abcdef".parse().unwrap();
        assert!(
            secret
                .0
                .is_some_and(|kept| secret::matches("0123456789abcdef", &kept))
        );
    }
}
