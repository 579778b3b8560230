//! WebP, row by row where possible: lossless pictures and alpha planes by our own decoder, lossy
//! pictures by a library that needs the whole picture.
//!
//! For an animation, this is the first frame, on a transparent canvas.

mod codes;
mod container;
mod lossless;
mod partitions;
mod transform;

use std::ops::Range;

use image_webp::{DecodingError, WebPDecoder};

pub(crate) use container::{Coding, Container, Frame};
pub(crate) use lossless::{MOST_CODE_BYTES, WINDOW};

use crate::picture::Picture;
use crate::rows::Rows;
use crate::slices::Slices;
use crate::{Dimensions, RenditionError};

/// Decodes a picture; `wanted` is its final size.
pub(crate) fn decode(
    bytes: &[u8],
    container: &Container,
    wanted: Dimensions,
) -> Result<Picture, RenditionError> {
    let mut canvas = Canvas {
        frame: &container.frame,
        has_alpha: container.has_alpha,
        rows: Rows::new(container.size, wanted, container.has_alpha),
    };
    canvas.empty_rows(0..container.frame.top)?;
    match container.frame.coding {
        Coding::Lossless => lossless(bytes, &mut canvas)?,
        Coding::Lossy => lossy(bytes, &mut canvas)?,
    }
    let end = container.frame.top + container.frame.size.height;
    canvas.empty_rows(end..container.size.height)?;
    canvas.rows.finish()
}

/// Puts the rows of a frame at their position.
struct Canvas<'a> {
    frame: &'a Frame,
    has_alpha: bool,
    rows: Rows,
}

impl Canvas<'_> {
    fn empty_rows(&mut self, rows: Range<u32>) -> Result<(), RenditionError> {
        for _ in rows {
            self.rows.push(|_| ())?;
        }
        Ok(())
    }

    /// Adds a row of red, green, blue and alpha; alpha is dropped if the picture has none.
    fn push(&mut self, pixels: impl Iterator<Item = [u8; 4]>) -> Result<(), RenditionError> {
        let left = self.frame.left as usize;
        let has_alpha = self.has_alpha;
        self.rows.push(|row| {
            if has_alpha {
                let (row, _) = row.as_chunks_mut::<4>();
                for (out, pixel) in row.iter_mut().skip(left).zip(pixels) {
                    *out = pixel;
                }
            } else {
                let (row, _) = row.as_chunks_mut::<3>();
                for (out, [red, green, blue, _]) in row.iter_mut().skip(left).zip(pixels) {
                    *out = [red, green, blue];
                }
            }
        })
    }
}

fn lossless(bytes: &[u8], canvas: &mut Canvas<'_>) -> Result<(), RenditionError> {
    let data = bytes.get(canvas.frame.data.clone()).unwrap_or_default();
    lossless::decode(data, sides(canvas.frame.size), true, |row| {
        canvas.push(row.iter().map(|pixel| {
            let [blue, green, red, alpha] = pixel.to_le_bytes();
            [red, green, blue, alpha]
        }))
    })
}

fn lossy(bytes: &[u8], canvas: &mut Canvas<'_>) -> Result<(), RenditionError> {
    let frame = canvas.frame;
    let (width, height) = sides(frame.size);
    let alpha = match &frame.alpha {
        Some(range) if canvas.has_alpha => {
            let data = bytes.get(range.clone()).unwrap_or_default();
            alpha_plane(data, (width, height))?
        }
        _ => Vec::new(),
    };
    let pixels = colours(
        bytes.get(frame.data.clone()).unwrap_or_default(),
        frame.size,
    )?;
    for (y, row) in pixels.chunks_exact(width * 3).enumerate() {
        let (row, _) = row.as_chunks::<3>();
        let alpha = alpha.get(y * width..(y + 1) * width).unwrap_or_default();
        let alpha = alpha.iter().copied().chain(std::iter::repeat(u8::MAX));
        let pixels = row.iter().zip(alpha);
        canvas.push(pixels.map(|(&[red, green, blue], alpha)| [red, green, blue, alpha]))?;
    }
    Ok(())
}

/// The colours of a lossy picture, passed to the library as a file that contains nothing else.
fn colours(data: &[u8], size: Dimensions) -> Result<Vec<u8>, RenditionError> {
    let length = (data.len() as u32).to_le_bytes();
    let file_length = (data.len() as u32 + 12).to_le_bytes();
    let head = [*b"RIFF", file_length, *b"WEBP", *b"VP8 ", length].concat();
    let mut decoder = WebPDecoder::new(Slices::new(vec![&head, data])).map_err(problem)?;
    let (width, height) = sides(size);
    let mut pixels = vec![0; width * height * 3];
    decoder.read_image(&mut pixels).map_err(problem)?;
    Ok(pixels)
}

/// The alpha plane of a lossy picture (RFC 9649, section 2.7.1.2).
fn alpha_plane(data: &[u8], (width, height): (usize, usize)) -> Result<Vec<u8>, RenditionError> {
    let (&head, data) = data.split_first().ok_or(RenditionError::Truncated)?;
    let mut plane = Vec::with_capacity(width * height);
    match head & 3 {
        0 => {
            let raw = data.get(..width * height);
            plane.extend_from_slice(raw.ok_or(RenditionError::Truncated)?);
        }
        1 => lossless::decode(data, (width, height), false, |row| {
            plane.extend(row.iter().map(|pixel| (pixel >> 8) as u8));
            Ok(())
        })?,
        _ => {
            return Err(RenditionError::Damaged(
                "an unknown kind of alpha".to_owned(),
            ));
        }
    }
    unfilter(head >> 2 & 3, &mut plane, width);
    Ok(plane)
}

/// Adds the prediction from the neighbours: nothing, the left one, the upper one, or their
/// gradient.
fn unfilter(method: u8, plane: &mut [u8], width: usize) {
    if method == 0 {
        return;
    }
    let mut above: Option<&[u8]> = None;
    for row in plane.chunks_exact_mut(width) {
        // The first pixel has only one neighbour, and those of the first row have only left ones.
        let mut left = above.and_then(|above| above.first().copied()).unwrap_or(0);
        let mut corner = left;
        for (x, value) in row.iter_mut().enumerate() {
            let top = above.and_then(|above| above.get(x).copied());
            let predicted = match (method, top) {
                (_, None) | (1, _) => left,
                (_, Some(top)) if x == 0 || method == 2 => top,
                (_, Some(top)) => {
                    let sum = i16::from(left) + i16::from(top) - i16::from(corner);
                    sum.clamp(0, 255) as u8
                }
            };
            *value = value.wrapping_add(predicted);
            left = *value;
            corner = top.unwrap_or(0);
        }
        above = Some(row);
    }
}

fn sides(size: Dimensions) -> (usize, usize) {
    (size.width as usize, size.height as usize)
}

fn problem(error: DecodingError) -> RenditionError {
    match error {
        DecodingError::IoError(io) if io.kind() == std::io::ErrorKind::UnexpectedEof => {
            RenditionError::Truncated
        }
        other => RenditionError::Damaged(other.to_string()),
    }
}
