//! A dialect is a vendor's wire format over our commands: credentials, wire types and an error
//! writer. It holds no rule; rules are the domain's.

pub mod answer;
pub mod moov;
pub mod openstack;
pub mod problem;
pub mod unique;
pub mod uploadcare;

use photolog_domain::Dialect;
use photolog_store::ImagePage;

use crate::app::App;
use crate::auth::Caller;
use crate::error::ApiError;
use crate::http::places::Place;
use crate::http::{Request, Response};

/// What a page of so many images takes in memory: as rows, as values and as text.
pub(crate) fn page_memory(images: u64) -> u64 {
    /// An image with all the metadata that it may have.
    const LARGEST_IMAGE: u64 = 100 << 10;
    3 * (images * LARGEST_IMAGE).min(ImagePage::MOST_BYTES as u64)
}

/// Whose words to use at a path that no route fits.
pub fn of_path(path: &[&str]) -> Dialect {
    match path.first() {
        Some(&("accounts" | "images" | "oauth2")) => Dialect::Moov,
        Some(&"files") => Dialect::Uploadcare,
        Some(&("v2" | "v2.1" | "v3")) => Dialect::OpenStack,
        _ => Dialect::Photolog,
    }
}

/// The caller, by the dialect's own credentials; `checking` is the place in which they are checked.
///
/// # Errors
/// `Unauthenticated`.
pub async fn authenticate(
    app: &App,
    request: &mut Request,
    checking: Place,
) -> Result<Caller, ApiError> {
    match request.dialect {
        Dialect::Uploadcare => uploadcare::signature::authenticate(app, request, checking).await,
        Dialect::OpenStack => openstack::authenticate(app, request).await,
        Dialect::Moov | Dialect::Photolog | Dialect::Cli => {
            app.auth.basic_or_bearer(&request.headers).await
        }
    }
}

/// Checks the dialect's version header.
///
/// # Errors
/// When the header is not one the vendor would take.
pub fn check_version(request: &Request) -> Result<(), ApiError> {
    match request.dialect {
        Dialect::Moov => moov::check_version(&request.headers),
        Dialect::Uploadcare => uploadcare::check_version(request),
        Dialect::OpenStack | Dialect::Photolog | Dialect::Cli => Ok(()),
    }
}

/// A failure in the dialect's own shape.
pub fn error_response(dialect: Dialect, error: &ApiError) -> Response {
    match dialect {
        Dialect::Moov => moov::error::response(error),
        Dialect::Uploadcare => uploadcare::error::response(error),
        Dialect::OpenStack => openstack::error::response(error),
        Dialect::Photolog | Dialect::Cli => problem::response(error),
    }
}
