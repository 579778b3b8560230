//! The renderer as a WASM module: the origin's own code, called across the language border once to
//! decide ([`answer`]) and once to render ([`render`]). Bytes from the origin are checked first
//! ([`is_picture`]).
//!
//! Only text, numbers and bytes cross. The worker that calls this is in `worker/`.

mod plan;

use photolog_rendition::{Dimensions, MediaType, RenditionSpec, RequestedSize};
use wasm_bindgen::prelude::wasm_bindgen;

/// Whether a size is of the form `WxH`; to be checked before a pointer is requested.
#[wasm_bindgen(js_name = isSize)]
pub fn is_size(text: &str) -> bool {
    RequestedSize::parse(text).is_ok()
}

/// The response as words between spaces: `400`, `406`, or status (`200`, `304`), effective width
/// and height, media type, file name ending, and ETag.
#[wasm_bindgen]
#[expect(
    clippy::too_many_arguments,
    reason = "one crossing; a struct would be built field by field across the border"
)]
pub fn answer(
    digest: &str,
    media_type: &str,
    width: u32,
    height: u32,
    has_alpha: bool,
    size: Option<String>,
    accept: Option<String>,
    if_none_match: Option<String>,
) -> String {
    let Some(media_type) = MediaType::parse(media_type) else {
        // Only a pointer that Photolog did not make has another type.
        return "406".to_owned();
    };
    let question = plan::Question {
        digest,
        master: photolog_rendition::MasterInfo {
            media_type,
            dimensions: Dimensions { width, height },
            has_alpha,
        },
        size: size.as_deref(),
        accept: accept.as_deref(),
        if_none_match: if_none_match.as_deref(),
    };
    plan::plan(&question).to_string()
}

/// Whether the header of these bytes is that of a picture of this size and format: bytes from the
/// origin are not shown unchecked.
#[wasm_bindgen(js_name = isPicture)]
pub fn is_picture(bytes: &[u8], width: u32, height: u32, media_type: &str) -> bool {
    photolog_rendition::inspect(bytes).is_ok_and(|found| {
        found.dimensions == Dimensions { width, height } && found.media_type.as_str() == media_type
    })
}

/// Renders a master.
///
/// # Errors
/// Throws a stable name as text: see `RenditionError::code`; `media_type` for an unsupported type.
/// Anything else that is thrown is a trap, and leaves the instance unusable.
#[wasm_bindgen]
pub fn render(master: &[u8], width: u32, height: u32, media_type: &str) -> Result<Vec<u8>, String> {
    let media_type = MediaType::parse(media_type).ok_or("media_type")?;
    let spec = RenditionSpec {
        dimensions: Dimensions { width, height },
        media_type,
    };
    photolog_rendition::render(master, &spec).map_err(|problem| problem.code().to_owned())
}

/// Linear memory in bytes. It only grows, so the worker takes a fresh instance above a threshold.
#[wasm_bindgen(js_name = memoryBytes)]
pub fn memory_bytes() -> u32 {
    #[cfg(target_arch = "wasm32")]
    let pages = core::arch::wasm32::memory_size(0);
    #[cfg(not(target_arch = "wasm32"))]
    let pages = 0;
    u32::try_from(pages * 65_536).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_say_what_a_picture_is() {
        let fixture = include_bytes!("../../rendition/fixtures/orientation-1.jpg");
        assert!(is_picture(fixture, 16, 8, "image/jpeg"));
        for (bytes, width, height, media_type) in [
            (fixture.as_slice(), 8, 16, "image/jpeg"),
            (fixture, 16, 8, "image/png"),
            (b"<script>alert(1)</script>", 16, 8, "image/jpeg"),
            (b"", 16, 8, "image/jpeg"),
        ] {
            assert!(!is_picture(bytes, width, height, media_type));
        }
    }
}
