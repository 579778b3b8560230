//! PNG, row by row: a large picture is narrowed while it is read and is never in memory whole.
//! Interlaced pictures are the exception, because their rows do not come in order.
//!
//! The decoder gets only the chunks that determine pixels. Of an animated PNG that is the picture
//! that still viewers show.

mod blocks;
mod chunks;

use png::{Decoder, DecodingError, Limits, Reader, Transformations};

pub(crate) use chunks::{Chunks, Colour};

use crate::picture::Picture;
use crate::rows::Rows;
use crate::slices::Slices;
use crate::{Dimensions, RenditionError};

/// The memory limit of the decoder itself: a row, a palette.
const DECODER_BYTES: usize = 4 << 20;

/// Decodes a picture; `wanted` is its final size.
pub(crate) fn decode(
    bytes: &[u8],
    chunks: &Chunks,
    wanted: Dimensions,
) -> Result<Picture, RenditionError> {
    blocks::check(
        chunks.image_data(bytes),
        chunks.image_bytes,
        chunks.filtered_bytes(),
    )?;
    let limits = Limits {
        bytes: DECODER_BYTES,
    };
    let mut decoder = Decoder::new_with_limits(chunks.essential(bytes), limits);
    decoder.set_transformations(Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().map_err(problem)?;
    let channels = reader.output_color_type().0.samples();
    let mut rows = Rows::new(chunks.size, wanted, channels.is_multiple_of(2));
    if chunks.is_interlaced {
        let pixels = whole(&mut reader)?;
        for row in pixels.chunks_exact(chunks.size.width as usize * channels) {
            rows.push(|out| widen(row, channels, out))?;
        }
    } else {
        for _ in 0..chunks.size.height {
            let row = reader.next_row().map_err(problem)?;
            let row = row.ok_or(RenditionError::Truncated)?;
            rows.push(|out| widen(row.data(), channels, out))?;
        }
    }
    // A picture truncated after its last row is truncated all the same.
    reader.finish().map_err(problem)?;
    rows.finish()
}

fn whole(reader: &mut Reader<Slices<'_>>) -> Result<Vec<u8>, RenditionError> {
    let size = reader
        .output_buffer_size()
        .ok_or(RenditionError::TooManyPixels)?;
    let mut pixels = vec![0; size];
    reader.next_frame(&mut pixels).map_err(problem)?;
    Ok(pixels)
}

/// Converts grey samples to colours.
fn widen(row: &[u8], channels: usize, out: &mut [u8]) {
    match channels {
        1 => {
            for (pixel, &grey) in out.as_chunks_mut::<3>().0.iter_mut().zip(row) {
                *pixel = [grey; 3];
            }
        }
        2 => {
            let (row, _) = row.as_chunks::<2>();
            for (pixel, &[grey, alpha]) in out.as_chunks_mut::<4>().0.iter_mut().zip(row) {
                *pixel = [grey, grey, grey, alpha];
            }
        }
        _ => out
            .iter_mut()
            .zip(row)
            .for_each(|(out, &sample)| *out = sample),
    }
}

fn problem(error: DecodingError) -> RenditionError {
    match error {
        DecodingError::IoError(io) if io.kind() == std::io::ErrorKind::UnexpectedEof => {
            RenditionError::Truncated
        }
        DecodingError::LimitsExceeded => {
            RenditionError::Damaged("it has a chunk of impossible length".to_owned())
        }
        other => RenditionError::Damaged(other.to_string()),
    }
}
