//! Sizes: `WxH` parsed, clamped to 2048, and fitted to a picture.

use std::fmt;

use crate::error::InvalidSize;
use crate::{MAX_RENDITION_SIDE, MAX_SIDE};

/// Width and height in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Dimensions {
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
}

impl fmt::Display for Dimensions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}x{}", self.width, self.height)
    }
}

/// The box that a client requests. A side of 0 is determined by the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestedSize {
    width: u32,
    height: u32,
}

impl Default for RequestedSize {
    /// The size that a link without `size` shows.
    fn default() -> Self {
        Self {
            width: 400,
            height: 400,
        }
    }
}

impl RequestedSize {
    /// Reads `^[0-9]{1,5}x[0-9]{1,5}$`; sides above 2048 become 2048.
    ///
    /// # Errors
    /// On any other text.
    pub fn parse(text: &str) -> Result<Self, InvalidSize> {
        let side = |digits: &str| {
            let well_formed =
                (1..=5).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
            match digits.parse::<u32>() {
                Ok(side) if well_formed => Ok(side.min(MAX_RENDITION_SIDE)),
                _ => Err(InvalidSize),
            }
        };
        let (width, height) = text.split_once('x').ok_or(InvalidSize)?;
        Ok(Self {
            width: side(width)?,
            height: side(height)?,
        })
    }

    /// The box that masters fit into.
    pub(crate) fn master() -> Self {
        Self {
            width: MAX_RENDITION_SIDE,
            height: MAX_RENDITION_SIDE,
        }
    }

    /// The size of a picture in this box: ratio kept, never enlarged, never cropped. There are at
    /// most 2,048 outcomes for one picture, and caches use them as keys.
    pub fn effective(&self, picture: Dimensions) -> Dimensions {
        let unbounded = |side| if side == 0 { MAX_SIDE } else { side };
        let bounds = match (self.width, self.height) {
            (0, 0) => Self::master(),
            (width, height) => Self {
                width: unbounded(width),
                height: unbounded(height),
            },
        };
        let fitted = fit(picture, bounds.width, bounds.height);
        // A free side may still be too long: for example a strip of 1 x 16384 requested by its
        // width.
        fit(fitted, MAX_RENDITION_SIDE, MAX_RENDITION_SIDE)
    }
}

fn fit(picture: Dimensions, width: u32, height: u32) -> Dimensions {
    if picture.width <= width && picture.height <= height {
        return picture;
    }
    let scaled = |side: u32, numerator: u32, denominator: u32| {
        let numerator = u64::from(side) * u64::from(numerator);
        let denominator = u64::from(denominator.max(1));
        let rounded = (numerator + denominator / 2) / denominator;
        u32::try_from(rounded).unwrap_or(u32::MAX).max(1)
    };
    let by_width = u64::from(width) * u64::from(picture.height)
        <= u64::from(height) * u64::from(picture.width);
    if by_width {
        Dimensions {
            width,
            height: scaled(picture.height, width, picture.width).min(height),
        }
    } else {
        Dimensions {
            width: scaled(picture.width, height, picture.height).min(width),
            height,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn effective(size: &str, width: u32, height: u32) -> String {
        RequestedSize::parse(size)
            .unwrap()
            .effective(Dimensions { width, height })
            .to_string()
    }

    #[test]
    fn a_picture_fits_inside_and_is_never_enlarged() {
        for (size, width, height, wanted) in [
            ("400x400", 4000, 3000, "400x300"),
            ("400x400", 3000, 4000, "300x400"),
            ("400x400", 100, 50, "100x50"),
            ("400x0", 4000, 3000, "400x300"),
            ("0x300", 4000, 3000, "400x300"),
            ("0x0", 1000, 500, "1000x500"),
            ("0x0", 4096, 1024, "2048x512"),
            ("99999x99999", 4096, 4096, "2048x2048"),
            ("1x1", 4000, 3000, "1x1"),
            ("400x400", 16384, 1, "400x1"),
            ("1x0", 1, 16384, "1x2048"),
            ("400x400", 37, 1, "37x1"),
        ] {
            assert_eq!(
                effective(size, width, height),
                wanted,
                "{size} of {width}x{height}"
            );
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "x",
            "400",
            "400x",
            "x400",
            "-1x1",
            "+1x1",
            "400X400",
            "400x400x400",
            " 400x400",
            "100000x1",
            "1x100000",
            "0400000x1",
            "1e3x1",
            "４００x400",
        ] {
            assert_eq!(RequestedSize::parse(text), Err(InvalidSize), "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_outcome_is_legal_whatever_is_asked(
            width in 0u32..=99_999, height in 0u32..=99_999,
            picture_width in 1u32..=16_384, picture_height in 1u32..=16_384,
        ) {
            let picture = Dimensions { width: picture_width, height: picture_height };
            let outcome = RequestedSize::parse(&format!("{width}x{height}")).unwrap().effective(picture);
            prop_assert!((1..=MAX_RENDITION_SIDE).contains(&outcome.width));
            prop_assert!((1..=MAX_RENDITION_SIDE).contains(&outcome.height));
            prop_assert!(outcome.width <= picture_width && outcome.height <= picture_height);
            prop_assert!(width == 0 || outcome.width <= width.min(2048));
            prop_assert!(height == 0 || outcome.height <= height.min(2048));
        }

        #[test]
        fn any_text_is_judged_without_a_panic(text in ".*") {
            let _ = RequestedSize::parse(&text);
        }
    }
}
