//! Our decoder of lossless WebP against another one, pixel by pixel.

#[path = "../benches/hostile/noise.rs"]
mod noise;
#[path = "../benches/hostile/png.rs"]
#[expect(dead_code, reason = "only its bits are written here")]
mod png;
#[path = "../benches/hostile/webp.rs"]
mod webp;

use noise::Noise;
use photolog_rendition::{MediaType, make_master};
use png::Bits;
use proptest::prelude::*;

fn recipe() -> impl Strategy<Value = webp::Lossless> {
    let size = || prop::option::of(2..9_u32);
    let palette = prop::sample::select(vec![None, None, Some(2), Some(3), Some(16), Some(200)]);
    let groups = prop::sample::select(vec![1, 1, 2, 40]);
    let longest = prop::sample::select(vec![0, 1, 2, 3, 5, 8, 9, 12, 15]);
    let rest = (palette, prop::option::of(1..=11_u32), groups, longest);
    let sides = (1..300_u32, 1..300_u32);
    (sides, size(), size(), any::<[bool; 2]>(), rest).prop_map(
        |((width, height), predictor, colour, [has_alpha, subtract_green], rest)| webp::Lossless {
            has_alpha,
            predictor,
            colour,
            subtract_green,
            palette: rest.0,
            cache_bits: rest.1,
            groups: rest.2,
            longest: rest.3,
            payload: 900_000,
            ..webp::Lossless::plain(width, height)
        },
    )
}

/// The master of a picture that needs no resizing contains the same pixels.
fn check(bytes: &[u8], is_lossless: bool) {
    let expected = image::load_from_memory(bytes);
    let master = make_master(bytes);
    assert_eq!(master.is_ok(), expected.is_ok(), "{master:?}");
    let (Ok(expected), Ok(master)) = (expected, master) else {
        return;
    };
    if is_lossless || master.media_type == MediaType::WebP {
        let got = image::load_from_memory(&master.bytes).expect("a master");
        assert!(got.into_rgba8() == expected.into_rgba8());
    }
}

proptest! {
    #[test]
    fn lossless_pictures_come_out_alike(recipe in recipe(), seed in 1..1_000_u64) {
        let data = recipe.make(&mut Noise::new(seed));
        check(&webp::file(&[(b"VP8L", &data)]), true);
        let (width, height) = (recipe.width, recipe.height);
        for flags in [0, 0x10] {
            let head = webp::extended(flags, width, height);
            check(&webp::file(&[(b"VP8X", &head), (b"VP8L", &data)]), true);
        }
    }

    #[test]
    fn frames_and_alpha_planes_come_out_alike(
        recipe in recipe(),
        seed in 1..1_000_u64,
        filter in 0..4_u32,
        (left, top) in (0..9_u8, 0..9_u8),
    ) {
        let mut noise = Noise::new(seed);
        let heads = webp::lossy_heads(4);
        let (width, height) = (recipe.width, recipe.height);
        let head = &heads[noise.below(heads.len())];
        let lossy = webp::lossy(width, height, 300_000, head, &mut noise);
        let mut bits = Bits::default();
        bits.put(filter << 2 | 1, 8);
        recipe.body(&mut bits, &mut noise);
        let alpha = bits.finish();
        let extended = webp::extended(0x10, width, height);
        check(&webp::file(&[(b"VP8X", &extended), (b"ALPH", &alpha), (b"VP8 ", &lossy)]), false);
        // A frame somewhere on a canvas.
        let lossless = recipe.make(&mut noise);
        let mut frame = vec![left, 0, 0, top, 0, 0];
        frame.extend(&(width - 1).to_le_bytes()[..3]);
        frame.extend(&(height - 1).to_le_bytes()[..3]);
        // A duration, and neither blending nor disposal.
        frame.extend([0, 0, 0, 2]);
        let inner = webp::file(&[(b"VP8L", &lossless)]);
        frame.extend(&inner[12..]);
        let flags = if recipe.has_alpha { 0x12 } else { 0x02 };
        let extended = webp::extended(flags, width + 30, height + 20);
        let control = [0; 6];
        check(
            &webp::file(&[(b"VP8X", &extended), (b"ANIM", &control), (b"ANMF", &frame)]),
            true,
        );
    }
}
