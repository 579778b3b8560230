//! The identity of a rendition.

use photolog_domain::{ContentHash, Master};
use photolog_rendition as rendition;
use photolog_rendition::RenditionSpec;

/// The key of a rendition: two renditions with the same key are the same.
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
