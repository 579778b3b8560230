//! The colour formulas (JFIF 1.02, ITU-T T.871 section 7) between planes and pixels, in integers
//! with 16 bits after the binary point as the Independent JPEG Group writes them. Its own file
//! because it handles colours, but neither files nor blocks.

use super::JpegError;
use super::planes::{Colour, Plane, Planes};
use super::upsample::Upsampler;

/// How many pixels share a chroma sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subsampling {
    /// One each (4:4:4).
    Full,
    /// Two by two (4:2:0), averaged.
    Quarter,
}

/// Turns planes into red, green, blue, interleaved, without padding. Ink colours become what they
/// look like on white paper by the plain formula; an ICC profile is not consulted.
///
/// # Errors
/// [`JpegError::NotEncodable`] when the planes are not as large as they declare.
pub fn to_rgb(planes: &Planes) -> Result<Vec<u8>, JpegError> {
    if !planes.is_sound() {
        return Err(JpegError::NotEncodable(
            "planes without all of their samples",
        ));
    }
    let (width, height) = (planes.width, planes.height);
    let mut channels: Vec<_> = planes
        .planes
        .iter()
        .map(|plane| Upsampler::new(plane, width, height))
        .collect();
    let mut pixels = vec![0; width * height * 3];
    for (y, out) in pixels.chunks_exact_mut(width * 3).enumerate() {
        match (planes.colour, &mut channels[..]) {
            (Colour::Grey, [grey]) => {
                let (out, _) = out.as_chunks_mut::<3>();
                for (pixel, &value) in out.iter_mut().zip(grey.row(y)) {
                    *pixel = [value; 3];
                }
            }
            (Colour::Rgb, [r, g, b]) => interleave([r.row(y), g.row(y), b.row(y)], out),
            (Colour::YCbCr, [luma, cb, cr]) => {
                ycc_row([luma.row(y), cb.row(y), cr.row(y)], out);
            }
            (Colour::Cmyk { inverted }, [c, m, yellow, k]) => {
                interleave([c.row(y), m.row(y), yellow.row(y)], out);
                ink_row(out, k.row(y), inverted);
            }
            (Colour::Ycck { inverted }, [luma, cb, cr, k]) => {
                ycc_row([luma.row(y), cb.row(y), cr.row(y)], out);
                // The transform was applied to the complements of the inks.
                out.iter_mut().for_each(|ink| *ink = 255 - *ink);
                ink_row(out, k.row(y), inverted);
            }
            _ => {
                return Err(JpegError::NotEncodable(
                    "a number of planes that is not its colour's",
                ));
            }
        }
    }
    Ok(pixels)
}

/// Turns red, green, blue, interleaved and without padding, into YCbCr planes for the encoder.
///
/// # Errors
/// [`JpegError::NotEncodable`] when the number of bytes is not that of such a picture.
pub fn from_rgb(
    width: usize,
    height: usize,
    pixels: &[u8],
    subsampling: Subsampling,
) -> Result<Planes, JpegError> {
    let bytes = width
        .checked_mul(height)
        .and_then(|count| count.checked_mul(3));
    if width == 0 || height == 0 || bytes != Some(pixels.len()) {
        return Err(JpegError::NotEncodable(
            "pixels that do not fill the picture",
        ));
    }
    let mut luma = Plane::new(width, height);
    let step = match subsampling {
        Subsampling::Full => 1,
        Subsampling::Quarter => 2,
    };
    let mut cb = Plane::new(width.div_ceil(step), height.div_ceil(step));
    let mut cr = cb.clone();
    for (y, rows) in pixels.chunks(width * 3 * step).enumerate() {
        for (line, row) in rows.chunks_exact(width * 3).enumerate() {
            luma_row(row, luma.row_mut(y * step + line));
        }
        let (cb, cr) = (cb.row_mut(y), cr.row_mut(y));
        if step == 1 {
            chroma_row::<1>(&[rows], cb, cr);
        } else {
            // At the bottom of an odd height the last row counts twice.
            let (upper, lower) = rows.split_at(width * 3);
            chroma_row::<2>(
                &[upper, if lower.is_empty() { upper } else { lower }],
                cb,
                cr,
            );
        }
    }
    Ok(Planes {
        width,
        height,
        colour: Colour::YCbCr,
        planes: vec![luma, cb, cr],
    })
}

fn interleave(rows: [&[u8]; 3], out: &mut [u8]) {
    let [first, second, third] = rows;
    let (out, _) = out.as_chunks_mut::<3>();
    for (((pixel, &a), &b), &c) in out.iter_mut().zip(first).zip(second).zip(third) {
        *pixel = [a, b, c];
    }
}

/// Half of the last binary place, for rounding.
const HALF: i32 = 1 << 15;

fn ycc_row(rows: [&[u8]; 3], out: &mut [u8]) {
    let [luma, cb, cr] = rows;
    let (out, _) = out.as_chunks_mut::<3>();
    for (((pixel, &y), &cb), &cr) in out.iter_mut().zip(luma).zip(cb).zip(cr) {
        let (y, cb, cr) = (i32::from(y), i32::from(cb) - 128, i32::from(cr) - 128);
        let red = y + ((91_881 * cr + HALF) >> 16);
        let green = y + ((-22_554 * cb - 46_802 * cr + HALF) >> 16);
        let blue = y + ((116_130 * cb + HALF) >> 16);
        *pixel = [red, green, blue].map(|value| value.clamp(0, 255) as u8);
    }
}

/// Lays black over the other inks: what light two layers let through is multiplied.
fn ink_row(out: &mut [u8], black: &[u8], inverted: bool) {
    let (out, _) = out.as_chunks_mut::<3>();
    let flip = if inverted { 0 } else { 255 };
    for (pixel, &black) in out.iter_mut().zip(black) {
        let through = u32::from(black ^ flip);
        for ink in pixel {
            let product = u32::from(*ink ^ flip) * through + 128;
            // Division by 255, rounded, exact for products of two bytes.
            *ink = ((product + (product >> 8)) >> 8) as u8;
        }
    }
}

fn luma_row(pixels: &[u8], luma: &mut [u8]) {
    let (pixels, _) = pixels.as_chunks::<3>();
    for (out, &[r, g, b]) in luma.iter_mut().zip(pixels) {
        let sum = 19_595 * u32::from(r) + 38_470 * u32::from(g) + 7_471 * u32::from(b);
        *out = ((sum + HALF.unsigned_abs()) >> 16) as u8;
    }
}

/// Chroma of N x N pixels each, N being 1 or 2, from the sum of their colours.
fn chroma_row<const N: usize>(rows: &[&[u8]; N], cb: &mut [u8], cr: &mut [u8]) {
    let width = rows[0].len() / 3;
    let convert = |[r, g, b]: [i32; 3]| {
        // N * N is 1 or 4: as many more bits before the binary point.
        let (shift, count) = (16 + N.ilog2() * 2, (N * N) as i32);
        let centre = (128 << shift) + HALF * count - 1;
        let cb = (-11_059 * r - 21_709 * g + 32_768 * b + centre) >> shift;
        let cr = (32_768 * r - 27_439 * g - 5_329 * b + centre) >> shift;
        (cb as u8, cr as u8)
    };
    for (x, (cb, cr)) in cb.iter_mut().zip(cr).enumerate() {
        let mut sum = [0; 3];
        for row in rows {
            for column in x * N..x * N + N {
                // Past an odd width the last pixel counts twice.
                let at = column.min(width - 1) * 3;
                for (sum, &value) in sum.iter_mut().zip(&row[at..at + 3]) {
                    *sum += i32::from(value);
                }
            }
        }
        (*cb, *cr) = convert(sum);
    }
}
