//! What a person sees first: a page at `/`, and a sample picture for its tour.
//!
//! OpenStack's clients read the available versions at `/`. Only a client whose `Accept` names
//! `text/html`, as browsers do, gets the page.

use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, X_CONTENT_TYPE_OPTIONS};

use crate::app::SharedApp;
use crate::error::ApiError;
use crate::http::response::{set, with_body};
use crate::http::{Request, Response};

/// The whole page in one file, except for the sample picture. `{url}` is replaced by the URL at
/// which clients reach this server.
const PAGE: &str = concat!(
    include_str!("page.html"),
    "<style>\n",
    include_str!("page.css"),
    "</style>\n",
);
/// The page runs no scripts and loads nothing but the sample.
const PAGE_POLICY: &str = "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const SAMPLE: &[u8] = include_bytes!("../../../../../docs/sample.jpg");

/// `GET /sample.jpg`: a sample picture to upload.
///
/// # Errors
/// None.
pub async fn sample(_app: SharedApp, _request: Request) -> Result<Response, ApiError> {
    let mut response = with_body(StatusCode::OK, "image/jpeg", SAMPLE);
    set(&mut response, CACHE_CONTROL, "public, max-age=86400");
    set(&mut response, X_CONTENT_TYPE_OPTIONS, "nosniff");
    Ok(response)
}

/// The page, for clients that reach this server at `public_url`.
pub fn page(public_url: &str) -> Response {
    let text = PAGE.replace("{url}", &escaped(public_url));
    let mut response = with_body(StatusCode::OK, "text/html; charset=utf-8", text);
    set(&mut response, CONTENT_SECURITY_POLICY, PAGE_POLICY);
    set(&mut response, X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(&mut response, CACHE_CONTROL, "no-store");
    response
}

/// Whether the client prefers the page.
pub fn is_wanted(request: &Request) -> bool {
    wants_page(request.header("accept").unwrap_or_default())
}

/// Whether the header names HTML, and ranks it above JSON.
fn wants_page(accept: &str) -> bool {
    let weight = |wanted: &str| {
        let mut ranges = accept
            .split(',')
            .map(|range| range.split(';').map(str::trim));
        let mut parameters = ranges.find_map(|mut range| {
            let named = range.next()?.eq_ignore_ascii_case(wanted);
            named.then_some(range)
        })?;
        let quality = parameters.find_map(|parameter| parameter.strip_prefix("q="));
        quality.map_or(Some(1.0), |quality| quality.parse::<f32>().ok())
    };
    weight("text/html").unwrap_or(0.0) > weight("application/json").unwrap_or(0.0)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_names_html_gets_the_page() {
        for (accept, expected) in [
            (
                "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
                true,
            ),
            ("Text/HTML", true),
            ("application/json;q=0.5, text/html", true),
            ("", false),
            ("*/*", false),
            ("text/*", false),
            ("application/json", false),
            ("application/json, text/html", false),
            ("text/html;q=0, */*", false),
            ("text/html;q=high", false),
        ] {
            assert_eq!(wants_page(accept), expected, "{accept}");
        }
    }

    #[test]
    fn the_page_needs_nothing_from_elsewhere_and_repeats_no_markup() {
        for elsewhere in ["http:", "https:", "<script", "@import", "url("] {
            assert!(!PAGE.contains(elsewhere), "{elsewhere}");
        }
        assert_eq!(escaped("http://<b>\"&"), "http://&lt;b>&quot;&amp;");
    }
}
