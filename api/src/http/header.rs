//! Headers as text.

use http::HeaderMap;

/// A header's value, if it is present and valid text.
pub fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
