//! PNG, row by row: a picture of 100 megapixels is boxed down while it is read and never stands
//! in memory whole. Interlaced pictures are the exception: their rows come in no order.
//!
//! Of an animated PNG this is the picture that still viewers show.

use std::io::Cursor;

use image::{RgbImage, RgbaImage};
use png::{Decoder, DecodingError, Limits, Reader, Transformations};

use crate::picture::Picture;
use crate::{Dimensions, RenditionError};

/// What the decoder may allocate for itself: rows and compressed chunks, not the picture.
const DECODER_BYTES: usize = 128 << 20;

/// Decodes a picture as the average of boxes of `shrink` x `shrink` pixels.
pub(crate) fn decode(bytes: &[u8], shrink: u32) -> Result<Picture, RenditionError> {
    let limits = Limits {
        bytes: DECODER_BYTES,
    };
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), limits);
    decoder.set_transformations(Transformations::normalize_to_color8());
    decoder.set_ignore_text_chunk(true);
    let mut reader = decoder.read_info().map_err(problem)?;
    let (width, height) = reader.info().size();
    let channels = reader.output_color_type().0.samples();
    let mut boxes = Boxes::new(Dimensions { width, height }, channels, shrink);
    if reader.info().interlaced {
        let rows = whole(&mut reader)?;
        for row in rows.chunks_exact(width as usize * channels) {
            boxes.add_row(row);
        }
    } else {
        for _ in 0..height {
            let row = reader.next_row().map_err(problem)?;
            boxes.add_row(row.ok_or(RenditionError::Truncated)?.data());
        }
    }
    // A picture that is cut off behind its last row is cut off all the same.
    reader.finish().map_err(problem)?;
    boxes.finish()
}

fn whole(reader: &mut Reader<Cursor<&[u8]>>) -> Result<Vec<u8>, RenditionError> {
    let size = reader
        .output_buffer_size()
        .ok_or(RenditionError::TooManyPixels)?;
    let mut pixels = vec![0; size];
    reader.next_frame(&mut pixels).map_err(problem)?;
    Ok(pixels)
}

fn problem(error: DecodingError) -> RenditionError {
    match error {
        DecodingError::IoError(io) if io.kind() == std::io::ErrorKind::UnexpectedEof => {
            RenditionError::Truncated
        }
        DecodingError::LimitsExceeded => RenditionError::TooManyPixels,
        other => RenditionError::Damaged(other.to_string()),
    }
}

/// Averages of boxes, filled row by row.
struct Boxes {
    /// Samples of a pixel that comes in: grey, grey and alpha, RGB, or RGBA.
    channels: usize,
    /// Side of a box, in pixels.
    side: usize,
    width: usize,
    size: Dimensions,
    /// For each box of the present row: colours weighted by alpha, then alpha.
    sums: Vec<[u32; 4]>,
    /// Pixel rows in `sums`.
    rows: u32,
    pixels: Vec<u8>,
}

impl Boxes {
    fn new(picture: Dimensions, channels: usize, shrink: u32) -> Self {
        let size = Dimensions {
            width: picture.width.div_ceil(shrink),
            height: picture.height.div_ceil(shrink),
        };
        let samples = if channels.is_multiple_of(2) { 4 } else { 3 };
        Self {
            channels,
            side: shrink as usize,
            width: picture.width as usize,
            size,
            sums: vec![[0; 4]; size.width as usize],
            rows: 0,
            pixels: Vec::with_capacity(size.width as usize * size.height as usize * samples),
        }
    }

    fn add_row(&mut self, row: &[u8]) {
        if self.side == 1 {
            self.keep_row(row);
            return;
        }
        for (pixels, sum) in row.chunks(self.side * self.channels).zip(&mut self.sums) {
            for pixel in pixels.chunks_exact(self.channels) {
                let (colour, alpha) = match *pixel {
                    [grey] => ([grey; 3], 255),
                    [grey, alpha] => ([grey; 3], alpha),
                    [red, green, blue] => ([red, green, blue], 255),
                    [red, green, blue, alpha] => ([red, green, blue], alpha),
                    _ => continue,
                };
                for (sum, sample) in sum.iter_mut().zip(colour) {
                    *sum += u32::from(sample) * u32::from(alpha);
                }
                sum[3] += u32::from(alpha);
            }
        }
        self.rows += 1;
        if self.rows as usize == self.side {
            self.close_row();
        }
    }

    fn keep_row(&mut self, row: &[u8]) {
        match self.channels {
            1 => self.pixels.extend(row.iter().flat_map(|grey| [*grey; 3])),
            2 => self.pixels.extend(
                row.chunks_exact(2)
                    .flat_map(|pixel| [pixel[0], pixel[0], pixel[0], pixel[1]]),
            ),
            _ => self.pixels.extend_from_slice(row),
        }
    }

    fn close_row(&mut self) {
        let has_alpha = self.channels.is_multiple_of(2);
        for (place, sum) in self.sums.iter_mut().enumerate() {
            let columns = self.side.min(self.width - place * self.side) as u32;
            let alpha = sum[3];
            for colour in &sum[..3] {
                let average = (colour + alpha / 2).checked_div(alpha).unwrap_or(0);
                self.pixels.push(average.min(255) as u8);
            }
            if has_alpha {
                let count = columns * self.rows;
                self.pixels
                    .push(((alpha + count / 2) / count).min(255) as u8);
            }
            *sum = [0; 4];
        }
        self.rows = 0;
    }

    fn finish(mut self) -> Result<Picture, RenditionError> {
        if self.rows > 0 {
            self.close_row();
        }
        let Dimensions { width, height } = self.size;
        let picture = if self.channels.is_multiple_of(2) {
            RgbaImage::from_raw(width, height, self.pixels).map(Picture::of_rgba)
        } else {
            RgbImage::from_raw(width, height, self.pixels).map(Picture::Opaque)
        };
        picture.ok_or(RenditionError::Truncated)
    }
}

#[cfg(test)]
mod tests {
    use image::{ExtendedColorType, ImageEncoder};

    use super::*;

    fn png(pixels: &[u8], width: u32, height: u32, colour: ExtendedColorType) -> Vec<u8> {
        let mut bytes = Vec::new();
        image::codecs::png::PngEncoder::new(&mut bytes)
            .write_image(pixels, width, height, colour)
            .unwrap();
        bytes
    }

    #[test]
    fn boxes_are_averaged_and_the_edge_is_kept() {
        // 3 x 3 in boxes of 2: the last column and row are boxes of their own.
        let pixels = [0, 10, 200, 20, 30, 100, 7, 9, 55];
        let bytes = png(&pixels, 3, 3, ExtendedColorType::L8);
        let Picture::Opaque(shrunk) = decode(&bytes, 2).unwrap() else {
            panic!("grey is opaque");
        };
        let grey: Vec<_> = shrunk.pixels().map(|pixel| pixel.0[0]).collect();
        assert_eq!(shrunk.dimensions(), (2, 2));
        assert_eq!(grey, [15, 150, 8, 55]);
    }

    #[test]
    fn what_is_transparent_does_not_colour_its_neighbours() {
        let pixels = [255, 0, 0, 255, 0, 255, 0, 0];
        let bytes = png(&pixels, 2, 1, ExtendedColorType::Rgba8);
        let Picture::Transparent(shrunk) = decode(&bytes, 2).unwrap() else {
            panic!("half transparent");
        };
        assert_eq!(shrunk.as_raw(), &[255, 0, 0, 128]);
    }

    #[test]
    fn rows_and_boxes_of_one_are_the_picture_itself() {
        let pixels: Vec<u8> = (0..5 * 7 * 4).map(|n| (n * 37 % 251) as u8).collect();
        let bytes = png(&pixels, 5, 7, ExtendedColorType::Rgba8);
        let Picture::Transparent(same) = decode(&bytes, 1).unwrap() else {
            panic!("transparent");
        };
        assert_eq!(same.as_raw(), &pixels);
    }
}
