//! Resizing: Lanczos, with colours weighted by their alpha.
//!
//! Planes are resized one by one, and chroma only to half the size of luma: that is what JPEG
//! stores anyway.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::pixels::{U8, U8x3, U8x4};
use fast_image_resize::{
    FilterType, IntoImageView, IntoImageViewMut, PixelTrait, ResizeAlg, ResizeOptions, Resizer,
};
use image::{RgbImage, RgbaImage};

use crate::jpeg::{Plane, Planes};
use crate::picture::Picture;
use crate::{Dimensions, RenditionError};

/// Resizes a picture to a size returned by [`crate::RequestedSize::effective`].
pub(crate) fn fit(picture: Picture, size: Dimensions) -> Result<Picture, RenditionError> {
    let refused = || RenditionError::Encode("the size does not fit the pixels".to_owned());
    let is_there = |(width, height): (u32, u32)| (width, height) == (size.width, size.height);
    match picture {
        Picture::Opaque(pixels) if is_there(pixels.dimensions()) => Ok(Picture::Opaque(pixels)),
        Picture::Transparent(pixels) if is_there(pixels.dimensions()) => {
            Ok(Picture::Transparent(pixels))
        }
        Picture::Opaque(pixels) => {
            let source = Source::whole(pixels.as_raw(), pixels.width(), pixels.height());
            RgbImage::from_raw(size.width, size.height, source.resize::<U8x3>(size)?)
                .map(Picture::Opaque)
                .ok_or_else(refused)
        }
        Picture::Transparent(pixels) => {
            let source = Source::whole(pixels.as_raw(), pixels.width(), pixels.height());
            RgbaImage::from_raw(size.width, size.height, source.resize::<U8x4>(size)?)
                .map(Picture::Transparent)
                .ok_or_else(refused)
        }
        Picture::Planar(planes) => fit_planes(planes, size).map(Picture::Planar),
    }
}

fn fit_planes(planes: Planes, size: Dimensions) -> Result<Planes, RenditionError> {
    let (width, height) = (size.width as usize, size.height as usize);
    if (planes.width, planes.height) == (width, height)
        && planes.planes.iter().all(is_encodable(&planes))
    {
        return Ok(planes);
    }
    let resized = planes
        .planes
        .iter()
        .enumerate()
        .map(|(place, plane)| {
            // Subsampled planes are rounded up to whole samples; the picture may end before that.
            let exact = |side: usize, whole: usize, luma: usize| {
                let ratio = (luma as f64 / side as f64).round().max(1.0);
                (whole as f64 / ratio).min(side as f64)
            };
            let source = Source {
                samples: &plane.samples,
                stride: u32::try_from(plane.stride).unwrap_or(u32::MAX),
                rows: u32::try_from(plane.samples.len() / plane.stride.max(1)).unwrap_or(u32::MAX),
                width: exact(plane.width, planes.width, planes.planes[0].width),
                height: exact(plane.height, planes.height, planes.planes[0].height),
            };
            if place == 0 {
                source.plane(size)
            } else {
                source.halved_plane(size)
            }
        })
        .collect::<Result<_, RenditionError>>()?;
    Ok(Planes {
        width,
        height,
        colour: planes.colour,
        planes: resized,
    })
}

/// Whether the encoder accepts a plane unchanged: as large as the picture, or half of it.
fn is_encodable(planes: &Planes) -> impl Fn(&Plane) -> bool {
    let (width, height) = (planes.width, planes.height);
    move |plane| {
        [width, width.div_ceil(2)].contains(&plane.width)
            && [height, height.div_ceil(2)].contains(&plane.height)
    }
}

/// Rows of samples, whose upper left part belongs to the picture.
pub(crate) struct Source<'a> {
    samples: &'a [u8],
    stride: u32,
    rows: u32,
    width: f64,
    height: f64,
}

impl<'a> Source<'a> {
    pub(crate) fn whole(samples: &'a [u8], width: u32, height: u32) -> Self {
        Self {
            samples,
            stride: width,
            rows: height,
            width: f64::from(width),
            height: f64::from(height),
        }
    }

    fn plane(&self, size: Dimensions) -> Result<Plane, RenditionError> {
        Ok(Plane {
            width: size.width as usize,
            height: size.height as usize,
            stride: size.width as usize,
            samples: self.resize::<U8>(size)?,
        })
    }

    /// A plane with one sample for two pixels of a picture, in either direction.
    ///
    /// At the end of an odd side one pixel is left, and takes its neighbour's sample. If the source
    /// were spread over that sample too, colours would drift by up to half a pixel.
    fn halved_plane(&self, picture: Dimensions) -> Result<Plane, RenditionError> {
        let pairs = |side: u32| (side / 2).max(1);
        let in_pairs = |side: u32| f64::from(side.min(pairs(side) * 2)) / f64::from(side);
        let source = Source {
            width: self.width * in_pairs(picture.width),
            height: self.height * in_pairs(picture.height),
            ..*self
        };
        let plane = source.plane(Dimensions {
            width: pairs(picture.width),
            height: pairs(picture.height),
        })?;
        let width = picture.width.div_ceil(2) as usize;
        let height = picture.height.div_ceil(2) as usize;
        if (plane.width, plane.height) == (width, height) {
            return Ok(plane);
        }
        let mut completed = Plane::new(width, height);
        for y in 0..height {
            let from = plane.row(y.min(plane.height - 1));
            let row = completed.row_mut(y);
            row[..from.len()].copy_from_slice(from);
            row[from.len()..].fill(from[from.len() - 1]);
        }
        Ok(completed)
    }

    /// Resizes pixels whose last sample is their alpha, if they have one.
    fn resize<P: PixelTrait>(&self, size: Dimensions) -> Result<Vec<u8>, RenditionError> {
        self.resize_samples::<P>(size, true)
    }

    /// Resizes each sample separately, alpha too: colours are already weighted by it.
    pub(crate) fn resize_mixed<P: PixelTrait>(
        &self,
        size: Dimensions,
    ) -> Result<Vec<u8>, RenditionError> {
        self.resize_samples::<P>(size, false)
    }

    fn resize_samples<P: PixelTrait>(
        &self,
        size: Dimensions,
        use_alpha: bool,
    ) -> Result<Vec<u8>, RenditionError> {
        let failed = |problem: &dyn std::fmt::Display| RenditionError::Encode(problem.to_string());
        let pixel_type = P::pixel_type();
        let source = ImageRef::new(self.stride, self.rows, self.samples, pixel_type)
            .map_err(|problem| failed(&problem))?;
        let mut target = Image::new(size.width, size.height, pixel_type);
        let options = ResizeOptions::new()
            .resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3))
            .crop(0.0, 0.0, self.width, self.height)
            .use_alpha(use_alpha);
        // By its concrete type, so that no code is generated for the dozen others.
        if let (Some(source), Some(mut target)) =
            (source.image_view::<P>(), target.image_view_mut::<P>())
        {
            Resizer::new()
                .resize_typed(&source, &mut target, &options)
                .map_err(|problem| failed(&problem))?;
        }
        Ok(target.into_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jpeg::Colour;

    /// The brightness of a slope at a fraction of its length.
    fn slope(part: f64) -> f64 {
        20.0 + 200.0 * part
    }

    /// A picture that grows brighter to the right in one colour difference, downwards in the other.
    fn slopes(width: usize, height: usize) -> Planes {
        let mut planes = [
            Plane::new(width, height),
            Plane::new(width.div_ceil(2), height.div_ceil(2)),
            Plane::new(width.div_ceil(2), height.div_ceil(2)),
        ];
        let centre = |place: usize, side: usize| (2 * place + 1) as f64 / side as f64;
        for y in 0..planes[1].height {
            for x in 0..planes[1].width {
                planes[1].row_mut(y)[x] = slope(centre(x, width)).round() as u8;
                planes[2].row_mut(y)[x] = slope(centre(y, height)).round() as u8;
            }
        }
        Planes {
            width,
            height,
            colour: Colour::YCbCr,
            planes: planes.into(),
        }
    }

    #[test]
    fn colours_stay_in_place_at_odd_sizes() {
        for (width, height) in [(200, 300), (201, 301)] {
            for size in [(75, 51), (51, 76), (75, 75)] {
                let (wide, high) = (size.0 as usize, size.1 as usize);
                let size = Dimensions {
                    width: size.0,
                    height: size.1,
                };
                let fitted = fit_planes(slopes(width, height), size).unwrap();
                let [_, across, down] = &fitted.planes[..] else {
                    panic!("three planes");
                };
                assert_eq!(across.width, wide.div_ceil(2));
                assert_eq!(across.height, high.div_ceil(2));
                // Away from the edges, where a slope has no end.
                for place in 3..wide / 2 - 3 {
                    let expected = slope((2 * place + 1) as f64 / wide as f64);
                    let error = f64::from(across.row(high / 4)[place]) - expected;
                    assert!(error.abs() < 1.2, "{error} at {place} of {wide}");
                }
                for place in 3..high / 2 - 3 {
                    let expected = slope((2 * place + 1) as f64 / high as f64);
                    let error = f64::from(down.row(place)[wide / 4]) - expected;
                    assert!(error.abs() < 1.2, "{error} at {place} of {high}");
                }
            }
        }
    }

    #[test]
    fn a_single_pixel_has_a_colour() {
        let one = Dimensions {
            width: 1,
            height: 1,
        };
        let fitted = fit_planes(slopes(20, 9), one).unwrap();
        assert!(fitted.planes.iter().all(|plane| plane.samples.len() == 1));
    }
}
