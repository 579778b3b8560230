//! Moov's wire format.

use photolog_domain::{AltText, ImageId, ImageState, Timestamp};
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::error::ApiError;

/// An image. Optional members are omitted when unset, as in the vendor's documentation.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageMetadata {
    /// The image's id.
    #[serde(rename = "imageID")]
    pub image_id: ImageId,
    /// Its name in the public link.
    #[serde(rename = "publicID")]
    pub public_id: String,
    /// Alternative text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alt_text: Option<String>,
    /// The public link, without a size.
    pub link: String,
    /// When it was uploaded.
    pub created_on: Timestamp,
    /// When it last changed.
    pub updated_on: Timestamp,
    /// When it was disabled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disabled_on: Option<Timestamp>,
}

impl ImageMetadata {
    /// An image in Moov's format.
    pub fn new(app: &App, image_id: ImageId, state: &ImageState) -> Self {
        Self {
            image_id,
            public_id: state.public_id.to_string(),
            alt_text: state.alt_text().map(str::to_owned),
            link: format!("{}/images/{}", app.public_url, state.public_id),
            created_on: state.created_at,
            updated_on: state.updated_at,
            disabled_on: state.disabled_at,
        }
    }
}

/// The 409 response to an upload. Newer API versions return the existing image, older clients
/// require `error`; both ignore unknown members, so one body serves both.
#[derive(Clone, Debug, Serialize)]
pub struct Duplicate {
    /// One sentence.
    pub error: String,
    /// The image that holds the same bytes.
    #[serde(flatten)]
    pub existing: ImageMetadata,
}

/// The metadata a client sends.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MetadataRequest {
    alt_text: Option<String>,
}

impl MetadataRequest {
    /// The alternative text; absent, `null` and empty all mean "none".
    ///
    /// # Errors
    /// `Invalid` at `field` when it is too long or holds NUL.
    pub fn alt_text(self, field: &'static str) -> Result<Option<AltText>, ApiError> {
        self.alt_text
            .filter(|text| !text.is_empty())
            .map(|text| {
                text.parse()
                    .map_err(|problem: photolog_domain::InvalidValue| {
                        ApiError::invalid(field, problem.to_string())
                    })
            })
            .transpose()
    }
}
