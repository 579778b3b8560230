//! `Accept` with real q-values (RFC 9110, section 12.5.1).

use crate::{MasterInfo, MediaType};

/// The format to serve; `None` if the client accepts no supported format.
///
/// Among formats of equal quality the master's own comes first. A picture with transparency becomes
/// JPEG only if nothing else is acceptable, and an opaque one becomes WebP only then: our WebP is
/// lossless, which for photographs is several times larger than JPEG.
pub fn negotiate(accept: Option<&str>, master: &MasterInfo) -> Option<MediaType> {
    let accept = accept.filter(|text| !text.trim().is_empty());
    let ranges: Vec<Range<'_>> = accept
        .unwrap_or("*/*")
        .split(',')
        .filter_map(range)
        .collect();
    MediaType::ALL
        .into_iter()
        .filter_map(|media_type| {
            let quality = quality(&ranges, media_type);
            (quality > 0).then_some((media_type, quality))
        })
        .max_by_key(|(media_type, quality)| {
            let unfit = is_last_resort(*media_type, master);
            let own = *media_type == master.media_type;
            (!unfit, *quality, own, preference(*media_type, master))
        })
        .map(|(media_type, _)| media_type)
}

fn is_last_resort(media_type: MediaType, master: &MasterInfo) -> bool {
    match media_type {
        MediaType::Jpeg => master.has_alpha,
        MediaType::WebP => !master.has_alpha && master.media_type != MediaType::WebP,
        MediaType::Png => false,
    }
}

/// Which of the two other formats suits a picture better when the client has no preference.
fn preference(media_type: MediaType, master: &MasterInfo) -> u8 {
    match (media_type, master.has_alpha) {
        (MediaType::WebP, true) | (MediaType::Jpeg, false) => 2,
        (MediaType::Png, _) => 1,
        (MediaType::WebP, false) | (MediaType::Jpeg, true) => 0,
    }
}

/// One element of `Accept`: its media range and its quality in thousandths.
struct Range<'a> {
    media_range: &'a str,
    quality: u16,
}

fn range(text: &str) -> Option<Range<'_>> {
    let mut parts = text.split(';').map(str::trim);
    let media_range = parts.next().filter(|text| text.contains('/'))?;
    let quality = parts
        .find_map(|part| {
            let (name, value) = part.split_once('=')?;
            name.trim()
                .eq_ignore_ascii_case("q")
                .then_some(value.trim())
        })
        .map_or(Some(1_000), thousandths)?;
    Some(Range {
        media_range,
        quality,
    })
}

/// `0.7` is 700. `None` for anything else; the element is then ignored.
fn thousandths(text: &str) -> Option<u16> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = fraction.len() <= 3 && fraction.bytes().all(|byte| byte.is_ascii_digit());
    let fraction: u16 = format!("{fraction:0<3}").parse().ok().filter(|_| digits)?;
    match (whole, fraction) {
        ("0", fraction) => Some(fraction),
        ("1", 0) => Some(1_000),
        _ => None,
    }
}

/// The quality of a format: that of the most specific range that covers it.
fn quality(ranges: &[Range<'_>], media_type: MediaType) -> u16 {
    let specificity = |range: &Range<'_>| {
        if range.media_range.eq_ignore_ascii_case(media_type.as_str()) {
            Some(2)
        } else if range.media_range.eq_ignore_ascii_case("image/*") {
            Some(1)
        } else if range.media_range == "*/*" {
            Some(0)
        } else {
            None
        }
    };
    ranges
        .iter()
        .filter_map(|range| specificity(range).map(|specific| (specific, range.quality)))
        .max()
        .map_or(0, |(_, quality)| quality)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Dimensions;
    use MediaType::{Jpeg, Png, WebP};

    fn master(media_type: MediaType, has_alpha: bool) -> MasterInfo {
        let dimensions = Dimensions {
            width: 1,
            height: 1,
        };
        MasterInfo {
            media_type,
            dimensions,
            has_alpha,
        }
    }

    const SDK: &str = "image/jpeg;q=1, image/png;q=0.7, image/webp;q=0";
    const BROWSER: &str = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8";

    #[test]
    fn the_table_of_accept_headers() {
        for (accept, own, has_alpha, wanted) in [
            (None, Jpeg, false, Some(Jpeg)),
            (None, Png, true, Some(Png)),
            (Some("*/*"), WebP, true, Some(WebP)),
            (Some(""), Png, false, Some(Png)),
            (Some(SDK), Jpeg, false, Some(Jpeg)),
            (Some(SDK), Png, false, Some(Jpeg)),
            (Some(SDK), Png, true, Some(Png)),
            (Some(SDK), WebP, true, Some(Png)),
            (Some(BROWSER), Jpeg, false, Some(Jpeg)),
            (Some(BROWSER), Png, false, Some(Png)),
            (Some(BROWSER), WebP, true, Some(WebP)),
            (Some("image/webp"), Jpeg, false, Some(WebP)),
            (Some("image/webp"), Png, true, Some(WebP)),
            (Some("image/jpeg"), Png, true, Some(Jpeg)),
            (Some("image/png"), Jpeg, false, Some(Png)),
            (Some("IMAGE/PNG;Q=0.5"), Jpeg, false, Some(Png)),
            (
                Some("image/*;q=0.5, image/jpeg;q=0"),
                Jpeg,
                false,
                Some(Png),
            ),
            (Some("text/html"), Jpeg, false, None),
            (Some("image/gif, image/avif"), Jpeg, false, None),
            (Some("*/*;q=0"), Jpeg, false, None),
            (Some("image/jpeg;q=2"), Jpeg, false, None),
            (
                Some("image/jpeg;q=0.1234, image/png"),
                Jpeg,
                false,
                Some(Png),
            ),
            (Some("image/png;q=0.001, text/html"), Jpeg, false, Some(Png)),
        ] {
            assert_eq!(
                negotiate(accept, &master(own, has_alpha)),
                wanted,
                "{accept:?} {own} {has_alpha}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_header_is_judged_without_a_panic(accept in ".*") {
            let _ = negotiate(Some(&accept), &master(Png, true));
        }
    }
}
