//! A picture that arrives row by row. If it is larger than any master, it is narrowed on arrival, a
//! strip of rows at a time, so that it is never in memory whole.

use fast_image_resize::images::Image;
use fast_image_resize::pixels::{U8x3, U8x4};
use fast_image_resize::{IntoImageViewMut, MulDiv, PixelType};
use image::{RgbImage, RgbaImage};

use crate::picture::Picture;
use crate::resize::Source;
use crate::{Dimensions, MAX_RENDITION_SIDE, RenditionError};

/// Rows are narrowed when they fill this many bytes: each time, the filter is computed again.
const STRIP_BYTES: u64 = 8 << 20;

/// Whether a picture is narrowed while it is read: no master is that large.
fn is_narrowed(picture: Dimensions) -> bool {
    picture.width.max(picture.height) > MAX_RENDITION_SIDE
}

/// Bytes of the strip that is not narrowed yet.
fn strip_bytes(picture: Dimensions, channels: u64) -> u64 {
    let row = u64::from(picture.width) * channels;
    let all = row * u64::from(picture.height);
    STRIP_BYTES.max(row).min(all)
}

/// Upper bound of what [`Rows`] allocate, their result included.
pub(crate) fn bytes(picture: Dimensions, wanted: Dimensions, channels: u64) -> u64 {
    if !is_narrowed(picture) {
        return (picture.pixels() + u64::from(picture.width)) * channels;
    }
    let narrowed = u64::from(wanted.width) * u64::from(picture.height) * channels;
    let strip = strip_bytes(picture, channels);
    let narrowed_strip = strip * u64::from(wanted.width) / u64::from(picture.width) + 1;
    narrowed + (strip + narrowed_strip).max(wanted.pixels() * channels)
}

/// Rows of RGB or RGBA, from top to bottom.
pub(crate) struct Rows {
    size: Dimensions,
    /// The final size of the picture, if it is narrowed.
    target: Option<Dimensions>,
    has_alpha: bool,
    /// Whether every alpha so far was opaque.
    is_opaque: bool,
    /// Rows that are not narrowed yet.
    strip: Vec<u8>,
    /// Rows that have their final width.
    done: Vec<u8>,
}

impl Rows {
    /// A picture of `size`; `wanted` is its final size.
    pub(crate) fn new(size: Dimensions, wanted: Dimensions, has_alpha: bool) -> Self {
        let target = is_narrowed(size).then_some(wanted);
        let channels = if has_alpha { 4 } else { 3 };
        let (strip, width) = match target {
            Some(target) => (strip_bytes(size, channels), target.width),
            None => (0, size.width),
        };
        let done = u64::from(width) * u64::from(size.height) * channels;
        Self {
            size,
            target,
            has_alpha,
            is_opaque: true,
            strip: Vec::with_capacity(strip as usize),
            done: Vec::with_capacity(done as usize),
        }
    }

    fn channels(&self) -> usize {
        if self.has_alpha { 4 } else { 3 }
    }

    /// Resizes pixels whose colours are already weighted.
    fn resized(
        &self,
        pixels: &[u8],
        from: Dimensions,
        to: Dimensions,
    ) -> Result<Vec<u8>, RenditionError> {
        let source = Source::whole(pixels, from.width, from.height);
        if self.has_alpha {
            source.resize_mixed::<U8x4>(to)
        } else {
            source.resize_mixed::<U8x3>(to)
        }
    }

    /// Adds a row that `write` fills: three or four samples a pixel.
    pub(crate) fn push(&mut self, write: impl FnOnce(&mut [u8])) -> Result<(), RenditionError> {
        let length = self.size.width as usize * self.channels();
        let rows = match self.target {
            Some(_) => {
                if self.strip.len() + length > self.strip.capacity() {
                    self.narrow_strip()?;
                }
                &mut self.strip
            }
            None => &mut self.done,
        };
        let start = rows.len();
        rows.resize(start + length, 0);
        let row = &mut rows[start..];
        write(row);
        if self.has_alpha && self.is_opaque {
            self.is_opaque = row.chunks_exact(4).all(|pixel| pixel[3] == u8::MAX);
        }
        Ok(())
    }

    fn narrow_strip(&mut self) -> Result<(), RenditionError> {
        let Some(target) = self.target.filter(|_| !self.strip.is_empty()) else {
            return Ok(());
        };
        let from = Dimensions {
            width: self.size.width,
            height: (self.strip.len() / self.channels() / self.size.width as usize) as u32,
        };
        // Colours are weighted by their alpha before they are mixed.
        if !self.is_opaque {
            weigh(&mut self.strip, from, true)?;
        }
        let to = Dimensions {
            width: target.width,
            height: from.height,
        };
        let narrowed = self.resized(&self.strip, from, to)?;
        self.done.extend_from_slice(&narrowed);
        self.strip.clear();
        Ok(())
    }

    /// The picture, once all rows have arrived; at the wanted size, if it was narrowed.
    pub(crate) fn finish(mut self) -> Result<Picture, RenditionError> {
        self.narrow_strip()?;
        self.strip = Vec::new();
        let mut size = self.size;
        if let Some(target) = self.target {
            let narrowed = Dimensions {
                width: target.width,
                height: (self.done.len() / self.channels() / target.width as usize) as u32,
            };
            if narrowed.height != size.height {
                return Err(RenditionError::Truncated);
            }
            let mut pixels = self.resized(&self.done, narrowed, target)?;
            if !self.is_opaque {
                weigh(&mut pixels, target, false)?;
            }
            self.done = pixels;
            size = target;
        }
        let picture = if self.has_alpha && !self.is_opaque {
            RgbaImage::from_raw(size.width, size.height, self.done).map(Picture::Transparent)
        } else {
            if self.has_alpha {
                drop_alpha(&mut self.done);
            }
            RgbImage::from_raw(size.width, size.height, self.done).map(Picture::Opaque)
        };
        picture.ok_or(RenditionError::Truncated)
    }
}

/// Multiplies colours by their alpha, or divides them by it.
fn weigh(pixels: &mut [u8], size: Dimensions, multiply: bool) -> Result<(), RenditionError> {
    let mut image =
        Image::from_slice_u8(size.width, size.height, pixels, PixelType::U8x4).map_err(failed)?;
    let Some(mut view) = image.image_view_mut::<U8x4>() else {
        return Ok(());
    };
    let done = if multiply {
        MulDiv::new().multiply_alpha_inplace_typed(&mut view)
    } else {
        MulDiv::new().divide_alpha_inplace_typed(&mut view)
    };
    done.map_err(failed)
}

/// Removes every fourth sample, in place.
fn drop_alpha(pixels: &mut Vec<u8>) {
    let count = pixels.len() / 4;
    for place in 1..count {
        pixels.copy_within(place * 4..place * 4 + 3, place * 3);
    }
    pixels.truncate(count * 3);
}

fn failed(problem: impl std::fmt::Display) -> RenditionError {
    RenditionError::Encode(problem.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resize;

    const SIZE: Dimensions = Dimensions {
        width: 2_100,
        height: 1_400,
    };
    const WANTED: Dimensions = Dimensions {
        width: 600,
        height: 400,
    };

    /// Waves in all channels, from a position and a channel's number.
    fn wave(x: u32, y: u32, channel: u32) -> u8 {
        let turns = (x * (channel + 1)) as f64 / 90.0 + y as f64 / 70.0;
        (turns.sin() * 120.0 + 128.0) as u8
    }

    /// The picture read row by row, with this alpha.
    fn read(alpha: impl Fn(u32, u32) -> u8) -> Picture {
        let mut rows = Rows::new(SIZE, WANTED, true);
        for y in 0..SIZE.height {
            rows.push(|row| {
                for (x, pixel) in (0..).zip(row.as_chunks_mut::<4>().0) {
                    *pixel = [wave(x, y, 0), wave(x, y, 1), wave(x, y, 2), alpha(x, y)];
                }
            })
            .unwrap();
        }
        rows.finish().unwrap()
    }

    #[test]
    fn strips_make_the_picture_that_is_resized_whole() {
        let whole = RgbaImage::from_fn(SIZE.width, SIZE.height, |x, y| {
            image::Rgba([0, 1, 2, 3].map(|channel| wave(x, y, channel)))
        });
        let whole = resize::fit(Picture::Transparent(whole), WANTED).unwrap();
        let strips = read(|x, y| wave(x, y, 3));
        let (Picture::Transparent(whole), Picture::Transparent(strips)) = (whole, strips) else {
            panic!("both are transparent");
        };
        assert_eq!(strips.dimensions(), whole.dimensions());
        for (one, other) in strips.pixels().zip(whole.pixels()) {
            assert!(one.0[3].abs_diff(other.0[3]) <= 2, "{one:?} {other:?}");
            // The visible part of a colour; rounding weighs more where little is visible.
            for (a, b) in one.0.iter().zip(other.0).take(3) {
                let shown = |value: u8| u32::from(value) * u32::from(other.0[3]) / 255;
                assert!(shown(*a).abs_diff(shown(b)) <= 3, "{one:?} {other:?}");
            }
        }
    }

    #[test]
    fn an_alpha_that_hides_nothing_is_dropped() {
        let Picture::Opaque(pixels) = read(|_, _| 255) else {
            panic!("nothing is hidden");
        };
        assert_eq!(pixels.dimensions(), (WANTED.width, WANTED.height));
        // The middle of a pixel of 3.5 x 3.5 source pixels, where waves are long.
        let expected = [0, 1, 2].map(|channel| wave(350 * 7 / 2 + 1, 200 * 7 / 2 + 1, channel));
        for (got, want) in pixels.get_pixel(350, 200).0.iter().zip(expected) {
            assert!(got.abs_diff(want) < 12, "{got} {want}");
        }
    }

    #[test]
    fn what_is_transparent_does_not_colour_its_neighbours() {
        let Picture::Transparent(pixels) = read(|x, _| if x < SIZE.width / 2 { 255 } else { 0 })
        else {
            panic!("half is hidden");
        };
        let [edge, far] =
            [WANTED.width / 2 - 1, WANTED.width / 2 - 20].map(|x| pixels.get_pixel(x, 9));
        assert!(edge.0[3] > 200 && far.0[3] == 255);
        assert_eq!(pixels.get_pixel(WANTED.width - 9, 9).0[3], 0);
    }

    #[test]
    fn a_picture_without_all_of_its_rows_is_none() {
        for size in [SIZE, WANTED] {
            let mut rows = Rows::new(size, WANTED, false);
            rows.push(|row| row.fill(7)).unwrap();
            assert!(matches!(rows.finish(), Err(RenditionError::Truncated)));
        }
    }
}
