//! The secret shared by origin and edges.

use std::str::FromStr;

use http::HeaderMap;
use photolog_domain::ContentHash;

use super::secret;
use crate::error::ApiError;
use crate::http::header::header;

/// The secret shared by origin and edges, stored as its hash. Empty means that there are no edges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EdgeSecret(Option<ContentHash>);

impl EdgeSecret {
    const SHORTEST: usize = 16;

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Authenticates an edge. When no secret is set, the response hides that the edge's paths
    /// exist.
    ///
    /// # Errors
    /// 404 when no secret is set, 401 when the edge did not send the right one.
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

    /// The token that the origin sends to edges: the secret's hash, so that the secret itself need
    /// not be stored, and an intercepted token does not grant access to the origin.
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
