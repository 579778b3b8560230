//! ETags and `If-None-Match`: a client that has the rendition gets a 304 before any pixel is read.

use crate::{RENDERER_VERSION, RenditionSpec};

/// The strong ETag of a rendition: a function of the master, the effective size, the format and
/// the renderer's version, so it is known before anything is rendered.
pub fn etag(master_digest_hex: &str, spec: &RenditionSpec) -> String {
    format!(
        "\"{master_digest_hex}-{}-{}-v{RENDERER_VERSION}\"",
        spec.dimensions,
        spec.media_type.extension()
    )
}

/// Whether `If-None-Match` names the ETag: lists, `W/` (weak comparison) and `*`
/// (RFC 9110, section 13.1.2).
pub fn if_none_match(header: &str, etag: &str) -> bool {
    header
        .split(',')
        .map(str::trim)
        .any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == etag)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Dimensions, MediaType};

    #[test]
    fn an_etag_differs_by_picture_size_and_format() {
        let spec = |width, media_type| RenditionSpec {
            dimensions: Dimensions { width, height: 3 },
            media_type,
        };
        let one = etag("ab", &spec(4, MediaType::Png));
        assert_eq!(one, format!("\"ab-4x3-png-v{RENDERER_VERSION}\""));
        assert_ne!(one, etag("cd", &spec(4, MediaType::Png)));
        assert_ne!(one, etag("ab", &spec(5, MediaType::Png)));
        assert_ne!(one, etag("ab", &spec(4, MediaType::Jpeg)));
    }

    #[test]
    fn lists_weak_tags_and_the_star_match() {
        for header in [
            "\"a\"",
            "W/\"a\"",
            "\"x\", \"a\"",
            "*",
            " W/\"x\" ,W/\"a\" ",
        ] {
            assert!(if_none_match(header, "\"a\""), "{header}");
        }
        for header in ["", "a", "\"A\"", "\"b\"", "w/\"a\""] {
            assert!(!if_none_match(header, "\"a\""), "{header}");
        }
    }
}
