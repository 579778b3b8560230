//! OpenStack (and Rackspace) image metadata, as compute clients speak it.
//!
//! | file | what it holds |
//! | --- | --- |
//! | [`metadata`] | the six metadata operations |
//! | [`images`] | the lists, image details |
//! | [`identity`] | just enough Keystone v3 for clients to log in |
//! | [`versions`] | the documents by which clients find their way |
//! | [`wire`] | bodies, keys and values |
//! | [`error`] | faults |

pub mod error;
pub mod identity;
pub mod images;
pub mod metadata;
pub mod versions;
pub mod wire;

use crate::app::App;
use crate::auth::Caller;
use crate::error::ApiError;
use crate::http::Request;

/// A path in its one form, and the tenant it named.
///
/// The same operations stand under `/v2.1`, `/v2.1/{tenant}`, `/v2`, `/v2/{tenant}`, and for
/// metadata without any prefix; the route table knows only `/v2.1/…`.
pub fn canonical<'a>(path: &[&'a str]) -> (Vec<&'a str>, Option<&'a str>) {
    let (rest, tenant) = match path {
        ["v2.1" | "v2", tenant, rest @ ..] if *tenant != "images" => (rest, Some(*tenant)),
        ["v2.1" | "v2", rest @ ..] => (rest, None),
        ["images", _, "metadata", ..] => (path, None),
        _ => return (path.to_vec(), None),
    };
    (
        ["v2.1"].into_iter().chain(rest.iter().copied()).collect(),
        tenant,
    )
}

/// Reads `X-Auth-Token`: an access token, or a key's `id:secret` for clients with a fixed token.
///
/// # Errors
/// `Unauthenticated`.
pub async fn authenticate(app: &App, request: &Request) -> Result<Caller, ApiError> {
    let token = request
        .header("x-auth-token")
        .ok_or_else(|| ApiError::unauthenticated().because("missing"))?;
    match token.split_once(':') {
        Some((key_id, secret)) => app.auth.by_secret(key_id, secret).await,
        None => app.auth.by_token(token).await,
    }
}

#[cfg(test)]
mod tests {
    use super::canonical;

    #[test]
    fn every_prefix_has_one_form() {
        let metadata = vec!["v2.1", "images", "1", "metadata"];
        for (path, tenant) in [
            (vec!["v2.1", "images", "1", "metadata"], None),
            (vec!["v2.1", "t", "images", "1", "metadata"], Some("t")),
            (vec!["v2", "images", "1", "metadata"], None),
            (vec!["v2", "t", "images", "1", "metadata"], Some("t")),
            (vec!["images", "1", "metadata"], None),
        ] {
            assert_eq!(canonical(&path), (metadata.clone(), tenant), "{path:?}");
        }
        assert_eq!(canonical(&["v2"]), (vec!["v2.1"], None));
        for other in [
            vec!["images", "1"],
            vec!["files", "1", "metadata"],
            vec!["v3"],
        ] {
            assert_eq!(canonical(&other), (other.clone(), None));
        }
    }
}
