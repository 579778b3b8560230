//! What a rendition is known by.

use photolog_domain::{ContentHash, Master};
use photolog_rendition as rendition;
use photolog_rendition::RenditionSpec;

/// What makes two renditions the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RenditionKey {
    master: ContentHash,
    width: u32,
    height: u32,
    media_type: rendition::MediaType,
}

impl RenditionKey {
    pub(super) fn new(master: &Master, spec: &RenditionSpec) -> Self {
        Self {
            master: master.digest,
            width: spec.dimensions.width,
            height: spec.dimensions.height,
            media_type: spec.media_type,
        }
    }

    pub(super) fn file_name(&self) -> String {
        format!(
            "{}-{}x{}-v{}.{}",
            self.master,
            self.width,
            self.height,
            rendition::RENDERER_VERSION,
            self.media_type.extension()
        )
    }
}
