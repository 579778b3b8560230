//! The module has a memory limit; what does not fit below it is rendered by the origin.

use image::{ImageFormat, Rgba, RgbaImage};
use photolog_tests::edge::{Edge, worker_folder};
use photolog_tests::pictures::encoded;

use super::alike::both;

const CEILING_BYTES: u64 = 64 << 20;
const PAGE_BYTES: u64 = 65_536;

/// Incompressible pixels.
pub(crate) fn noise(width: u32, height: u32, seed: u32) -> RgbaImage {
    let mut state = seed;
    RgbaImage::from_fn(width, height, |_, _| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let mixed = state ^ (state >> 15);
        Rgba(mixed.wrapping_mul(2_654_435_761).to_be_bytes())
    })
}

#[tokio::test]
async fn the_heaviest_pictures_look_as_at_the_origin() {
    let edge = Edge::start().await;
    // Just below the largest upload, and as large as a master can be.
    for format in [ImageFormat::WebP, ImageFormat::Png] {
        let link = edge.link(encoded(noise(2_048, 2_020, 1), format)).await;
        for size in ["2048x2048", "2047x2047", "500x500"] {
            for accept in ["image/webp", "image/png", "image/jpeg"] {
                let path = format!("/images/{link}?size={size}");
                let answer = both(&edge, &path, &[("accept", accept)]).await;
                assert_eq!(answer.status, 200, "{format:?} {size} {accept}");
            }
        }
    }
}

/// The engine enforces the limit: no instruction grows memory beyond it.
#[test]
fn the_module_cannot_have_more_than_its_ceiling() {
    let module = std::fs::read(worker_folder().join("module_bg.wasm")).unwrap();
    let memory = section(&module, 5).expect("a memory section");
    // One memory, with a limit: at least, at most (WebAssembly core specification, 5.5.8, 5.3.7).
    let (count, rest) = number(memory);
    let (flags, rest) = number(rest);
    assert_eq!((count, flags & 1), (1, 1), "one memory that has a limit");
    let (_, rest) = number(rest);
    let (most_pages, _) = number(rest);
    assert_eq!(most_pages * PAGE_BYTES, CEILING_BYTES);
}

fn section(module: &[u8], wanted: u8) -> Option<&[u8]> {
    let mut rest = module.get(8..)?;
    while let Some((id, after)) = rest.split_first() {
        let (length, body) = number(after);
        let (body, next) = body.split_at_checked(usize::try_from(length).ok()?)?;
        if *id == wanted {
            return Some(body);
        }
        rest = next;
    }
    None
}

/// An unsigned LEB128 number, and what follows it.
fn number(bytes: &[u8]) -> (u64, &[u8]) {
    let end = bytes.iter().position(|byte| byte & 0x80 == 0).unwrap();
    let digits = bytes[..=end].iter().rev();
    let value = digits.fold(0, |value, byte| value << 7 | u64::from(byte & 0x7f));
    (value, &bytes[end + 1..])
}
