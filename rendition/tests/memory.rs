//! `Inspection::working_bytes` is what the service reserves for an upload: never less than making
//! the master allocates, and not much more. Inspecting a header takes hardly any memory.

#[path = "../benches/hostile/jpeg.rs"]
mod jpeg;
#[path = "../benches/hostile/noise.rs"]
mod noise;
#[path = "../benches/hostile/png.rs"]
mod png;
#[path = "../benches/hostile/webp.rs"]
mod webp;

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use image::codecs::jpeg::JpegEncoder;
use image::codecs::webp::WebPEncoder;
use image::{DynamicImage, RgbImage, RgbaImage};
use noise::Noise;
use peak_alloc::PeakAlloc;
use photolog_rendition::{
    Dimensions, Master, MasterInfo, MediaType, RenditionError, RenditionSpec, inspect, make_master,
    render, rendering_bytes, rendition_bytes,
};
use png::{Bits, Content, Packing, chunk, zlib};
use proptest::prelude::*;

#[global_allocator]
static ALLOCATED: PeakAlloc = PeakAlloc;

/// Tests of one program run in parallel, and the allocator counts for all of them.
static ALONE: Mutex<()> = Mutex::new(());

/// What inspecting a header may allocate: lists of the file's parts.
const MOST_TO_INSPECT: usize = 4 << 20;
const MEBIBYTE: u64 = 1 << 20;

/// A lock to be held for a whole test.
fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs a function and returns its peak allocation.
fn peak<T>(run: impl FnOnce() -> T) -> (T, usize) {
    let before = ALLOCATED.current_usage();
    ALLOCATED.reset_peak_usage();
    let value = run();
    (value, ALLOCATED.peak_usage() - before)
}

/// The reserved bytes of a picture, and the allocated ones.
fn measured(name: &str, bytes: &[u8]) -> Option<(u64, u64)> {
    let (inspection, taken) = peak(|| inspect(bytes));
    assert!(taken <= MOST_TO_INSPECT, "{name}: {taken} to inspect");
    let working = inspection.ok()?.working_bytes;
    let (made, taken) = peak(|| make_master(bytes));
    assert!(taken as u64 <= working, "{name}: took {taken} of {working}");
    if let Ok(master) = made {
        assert_renderings_keep_to_their_bounds(name, &master);
    }
    Some((working, taken as u64))
}

fn assert_renderings_keep_to_their_bounds(name: &str, master: &Master) {
    let info = MasterInfo {
        media_type: master.media_type,
        dimensions: master.dimensions,
        has_alpha: master.has_alpha,
    };
    for media_type in [MediaType::Png, MediaType::Jpeg, MediaType::WebP] {
        for part in [1, 2, 7] {
            let side = |side: u32| side.div_ceil(part);
            let dimensions = Dimensions {
                width: side(master.dimensions.width),
                height: side(master.dimensions.height),
            };
            let spec = RenditionSpec {
                dimensions,
                media_type,
            };
            let most = rendering_bytes(&info, &spec) - master.bytes.len() as u64;
            let (rendered, taken) = peak(|| render(&master.bytes, &spec));
            let length = rendered.expect(name).len() as u64;
            assert!(
                taken as u64 <= most,
                "{name} as {spec:?}: {taken} of {most}"
            );
            let most = rendition_bytes(&info, &spec);
            assert!(length <= most, "{name} as {spec:?}: {length} of {most}");
        }
    }
}

fn png_recipe() -> impl Strategy<Value = png::Recipe> {
    let kinds = prop::sample::select(vec![
        (0, 1),
        (0, 8),
        (0, 16),
        (2, 8),
        (2, 16),
        (3, 2),
        (3, 8),
        (4, 8),
        (4, 16),
        (6, 8),
        (6, 16),
    ]);
    let content = prop::sample::select(vec![Content::Flat, Content::Noise, Content::Repeated]);
    let packing = prop::sample::select(vec![
        Packing::Stored,
        Packing::Deflate(1),
        Packing::TinyBlocks,
        Packing::EmptyBlocks,
    ]);
    (sides(), kinds, any::<(bool, bool)>(), content, packing).prop_map(
        |((width, height), (colour, depth), (interlaced, turned), content, packing)| png::Recipe {
            depth,
            colour,
            interlaced,
            filter: None,
            content,
            packing,
            chunk: 8_192,
            turned,
            ..png::Recipe::plain(width, height)
        },
    )
}

/// Small ones, and long ones in either direction, up to two megapixels.
fn sides() -> impl Strategy<Value = (u32, u32)> {
    let side = || prop_oneof![1..40_u32, 1..2_100_u32, 2_000..5_000_u32, 1..16_384_u32];
    (side(), side()).prop_map(|(width, height)| (width, height.min(2_000_000 / width).max(1)))
}

fn jpeg_recipe() -> impl Strategy<Value = jpeg::Recipe> {
    let sampling = prop::sample::select(vec![0x11, 0x22, 0x21, 0x12, 0x41, 0x14, 0x42, 0x44]);
    let components = prop::sample::select(vec![1, 3, 4]);
    (
        sides(),
        sampling,
        components,
        any::<[bool; 4]>(),
        0..30_usize,
    )
        .prop_map(
            |(
                (width, height),
                sampling,
                components,
                [progressive, full, restarts, turned],
                scans,
            )| {
                jpeg::Recipe {
                    components,
                    sampling,
                    progressive,
                    full,
                    long_codes: false,
                    restarts,
                    refinements: scans,
                    turned,
                    ..jpeg::Recipe::plain(width as u16, height as u16)
                }
            },
        )
}

fn lossless_recipe() -> impl Strategy<Value = webp::Lossless> {
    let size = || prop::option::of(2..9_u32);
    let palette = prop::sample::select(vec![None, None, Some(2), Some(4), Some(16), Some(200)]);
    let groups = prop::sample::select(vec![1, 1, 2, 900]);
    let longest = prop::sample::select(vec![0, 1, 3, 8, 9, 15]);
    let rest = (palette, prop::option::of(1..=11_u32), groups, longest);
    (sides(), size(), size(), any::<[bool; 2]>(), rest).prop_map(
        |((width, height), predictor, colour, [has_alpha, subtract_green], rest)| webp::Lossless {
            has_alpha,
            predictor,
            colour,
            subtract_green,
            palette: rest.0,
            cache_bits: rest.1,
            groups: rest.2,
            longest: rest.3,
            payload: 1 << 20,
            ..webp::Lossless::plain(width, height)
        },
    )
}

/// Heads of lossy WebPs that decode with noise after them.
fn heads() -> &'static [Vec<u8>] {
    static HEADS: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    HEADS.get_or_init(|| webp::lossy_heads(8))
}

fn lossy_file(
    (width, height): (u32, u32),
    payload: usize,
    head: &[u8],
    alpha: Option<webp::Lossless>,
) -> Vec<u8> {
    let mut noise = Noise::new(1);
    let data = webp::lossy(width, height, payload, head, &mut noise);
    let Some(alpha) = alpha else {
        return webp::file(&[(b"VP8 ", &data)]);
    };
    let mut bits = Bits::default();
    bits.put(0b1101, 8);
    webp::Lossless {
        width,
        height,
        ..alpha
    }
    .body(&mut bits, &mut noise);
    let extended = webp::extended(0x10, width, height);
    webp::file(&[
        (b"VP8X", &extended),
        (b"ALPH", &bits.finish()),
        (b"VP8 ", &data),
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_png_keeps_to_its_bound(recipe in png_recipe()) {
        let _alone = alone();
        measured(&format!("{recipe:?}"), &recipe.make(&mut Noise::new(1)));
    }

    #[test]
    fn any_jpeg_keeps_to_its_bound(recipe in jpeg_recipe()) {
        let _alone = alone();
        measured(&format!("{recipe:?}"), &recipe.make(&mut Noise::new(1)));
    }

    #[test]
    fn any_lossless_webp_keeps_to_its_bound(recipe in lossless_recipe()) {
        let _alone = alone();
        let data = recipe.make(&mut Noise::new(1));
        measured(&format!("{recipe:?}"), &webp::file(&[(b"VP8L", &data)]));
    }

    #[test]
    fn any_lossy_webp_keeps_to_its_bound(
        (width, height) in sides(),
        alpha in prop::option::of(lossless_recipe()),
        head in 0..8_usize,
    ) {
        let _alone = alone();
        let bytes = lossy_file((width.min(16_383), height), 1 << 20, &heads()[head], alpha);
        measured(&format!("{width}x{height} {alpha:?}"), &bytes);
    }
}

/// A buffer that doubles, beginning with the length of a row, to nearly twice its final contents.
#[test]
fn a_png_that_is_stored_keeps_to_its_bound() {
    let _alone = alone();
    for width in [1_646, 1_650, 2_047] {
        let recipe = png::Recipe {
            depth: 8,
            colour: 4,
            interlaced: true,
            content: Content::Noise,
            packing: Packing::Deflate(1),
            chunk: 8_192,
            ..png::Recipe::plain(width, 2_000_000 / width)
        };
        let name = format!("{width} px wide");
        measured(&name, &recipe.make(&mut Noise::new(1))).expect(&name);
    }
}

fn scene(width: u32, height: u32) -> RgbImage {
    let mut noise = Noise::new(5);
    RgbImage::from_fn(width, height, |x, y| {
        let grain = (noise.next() >> 60) as u32;
        image::Rgb([x / 16 + grain, y / 12 + grain, (x + y) / 20 + grain].map(|c| c as u8))
    })
}

#[test]
fn ordinary_pictures_set_aside_little_more_than_they_take() {
    let _alone = alone();
    for (width, height) in [(4_000, 3_000), (1_920, 1_080)] {
        let scene = scene(width, height);
        let mut alpha = DynamicImage::ImageRgb8(scene.clone()).into_rgba8();
        alpha.pixels_mut().for_each(|pixel| pixel.0[3] = pixel.0[0]);
        let jpeg = |encoder: fn(&RgbImage) -> Vec<u8>| encoder(&scene);
        for (name, bytes) in [
            ("JPEG", jpeg(jpeg_of)),
            ("progressive JPEG", jpeg(progressive_of)),
            ("PNG", png_of(DynamicImage::ImageRgb8(scene.clone()))),
            (
                "PNG with alpha",
                png_of(DynamicImage::ImageRgba8(alpha.clone())),
            ),
            ("WebP", webp_of(&alpha)),
        ] {
            let name = format!("{name} of {width}x{height}");
            let (working, taken) = measured(&name, &bytes).expect(&name);
            // Noise without loss takes as many bytes as its pixels, in buffers that double.
            let most = if name.contains("JPEG") {
                taken * 3 / 2
            } else {
                taken * 2
            };
            assert!(
                working <= most + 8 * MEBIBYTE,
                "{name}: {working} for {taken}"
            );
        }
    }
}

fn jpeg_of(scene: &RgbImage) -> Vec<u8> {
    let mut bytes = Vec::new();
    let encoder = JpegEncoder::new_with_quality(&mut bytes, 90);
    scene.write_with_encoder(encoder).expect("a JPEG");
    bytes
}

fn progressive_of(scene: &RgbImage) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut bytes, 90);
    encoder.set_progressive(true);
    let (width, height) = (scene.width() as u16, scene.height() as u16);
    let colours = jpeg_encoder::ColorType::Rgb;
    encoder
        .encode(scene.as_raw(), width, height, colours)
        .expect("a JPEG");
    bytes
}

fn png_of(scene: DynamicImage) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    scene
        .write_to(&mut bytes, image::ImageFormat::Png)
        .expect("a PNG");
    bytes.into_inner()
}

fn webp_of(scene: &RgbaImage) -> Vec<u8> {
    let mut bytes = Vec::new();
    let encoder = WebPEncoder::new_lossless(&mut bytes);
    scene.write_with_encoder(encoder).expect("a WebP");
    bytes
}

/// An 8 x 8 picture with a chunk before its pixels.
fn png_with(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    chunk(&mut file, b"IHDR", &[0, 0, 0, 8, 0, 0, 0, 8, 8, 2, 0, 0, 0]);
    chunk(&mut file, kind, data);
    chunk(&mut file, b"IDAT", &zlib(&[0; 8 * 25], 9));
    chunk(&mut file, b"IEND", b"");
    file
}

/// Data beside the pixels is skipped if it inflates to more than the limit of a profile.
#[test]
fn side_chunks_take_no_more_than_they_may() {
    let _alone = alone();
    let bomb = zlib(&vec![0; 256 << 20], 9);
    for (kind, head) in [
        (b"iCCP", b"x\0\0".as_slice()),
        (b"zTXt", b"x\0\0"),
        (b"iTXt", b"x\0\x01\0\0\0"),
        (b"eXIf", b"MM\0*"),
    ] {
        let data = [head, &bomb].concat();
        let (_, taken) = measured("bomb", &png_with(kind, &data)).expect("a header");
        assert!(taken < 12 * MEBIBYTE, "{kind:?}: {taken}");
        assert!(make_master(&png_with(kind, &data)).is_ok(), "{kind:?}");
    }
    let extended = webp::extended(0x2C, 64, 64);
    let image = webp::Lossless {
        payload: 64 << 10,
        ..webp::Lossless::plain(64, 64)
    };
    let image = image.make(&mut Noise::new(1));
    let large = vec![7; 12 << 20];
    for name in [b"ICCP", b"EXIF", b"XMP "] {
        let file = webp::file(&[(b"VP8X", &extended), (name, &large), (b"VP8L", &image)]);
        let (_, taken) = measured("large", &file).expect("a header");
        assert!(taken < 12 * MEBIBYTE, "{name:?}: {taken}");
        assert!(make_master(&file).is_ok(), "{name:?}");
    }
    let good = jpeg::Recipe::plain(64, 64).make(&mut Noise::new(1));
    for (marker, head) in [
        (0xE2, b"ICC_PROFILE\0\x01\xF0".as_slice()),
        (0xE1, b"Exif\0\0"),
    ] {
        let mut file = good[..2].to_vec();
        for number in 1..=240 {
            let mut payload = [head, &[0; 65_000]].concat();
            payload[12] = if marker == 0xE2 { number } else { 0 };
            jpeg::segment(&mut file, marker, &payload);
        }
        file.extend(&good[2..]);
        let (_, taken) = measured("segments", &file).expect("a header");
        assert!(taken < 12 * MEBIBYTE, "{marker}: {taken}");
        assert!(make_master(&file).is_ok(), "{marker}");
    }
}

/// A hundred megapixels in fifty bytes.
#[test]
fn what_cannot_be_there_is_refused_by_the_header() {
    let _alone = alone();
    let image = webp::Lossless {
        longest: 0,
        payload: 0,
        ..webp::Lossless::plain(10_000, 10_000)
    };
    let lossless = webp::file(&[(b"VP8L", &image.make(&mut Noise::new(1)))]);
    assert!(lossless.len() < 64);
    assert!(matches!(
        inspect(&lossless),
        Err(RenditionError::TooCostly {
            kind: "a lossless WebP",
            ..
        })
    ));
    let mut lossy = webp::lossy(4_000, 3_000, 0, &[], &mut Noise::new(1));
    lossy[..3].copy_from_slice(&(64 << 5 | 0b1_0000_u32).to_le_bytes()[..3]);
    assert!(matches!(
        inspect(&webp::file(&[(b"VP8 ", &lossy)])),
        Err(RenditionError::Truncated)
    ));
    let mut png = png_with(b"teXt", b"");
    png[16..24].copy_from_slice(&[0, 0, 39, 16, 0, 0, 39, 16]);
    assert!(matches!(inspect(&png), Err(RenditionError::Truncated)));
    let jpeg = jpeg::Recipe {
        full: false,
        ..jpeg::Recipe::plain(64, 64)
    };
    let mut jpeg = jpeg.make(&mut Noise::new(1));
    let frame = jpeg
        .windows(2)
        .position(|pair| pair == [0xFF, 0xC0])
        .expect("a frame");
    jpeg[frame + 5..frame + 9].copy_from_slice(&[39, 16, 39, 16]);
    assert!(matches!(inspect(&jpeg), Err(RenditionError::Truncated)));
}

/// The decoder reads a part into a buffer that doubles, while the colours are already in memory.
#[test]
fn a_long_lossy_webp_keeps_to_its_bound() {
    let _alone = alone();
    // Where the pixels dominate, and where the bytes do: just beyond the doubling of a buffer, and
    // no multiple of the words into which they are copied.
    for (sides, payload) in [
        ((3_350, 2_603), 5 << 20),
        ((3_350, 2_603), 9 << 20),
        ((3_350, 2_603), 12 << 20),
        ((446, 501), (9 << 20) + 1),
        ((173, 433), (5 << 20) + 1),
    ] {
        for head in heads() {
            let file = lossy_file(sides, payload, head, None);
            measured(&format!("{payload} bytes"), &file);
        }
    }
}

/// One colour is a picture too, and takes few bytes in every format.
#[test]
fn one_colour_of_twelve_megapixels_is_a_picture() {
    let _alone = alone();
    let image = webp::Lossless {
        longest: 0,
        payload: 0,
        ..webp::Lossless::plain(4_000, 3_000)
    };
    let flat = RgbImage::from_pixel(4_000, 3_000, image::Rgb([200, 100, 50]));
    for bytes in [
        webp::file(&[(b"VP8L", &image.make(&mut Noise::new(1)))]),
        jpeg_of(&flat),
        progressive_of(&flat),
        png_of(DynamicImage::ImageRgb8(flat)),
        png::Recipe {
            content: Content::Flat,
            packing: Packing::Deflate(9),
            colour: 0,
            depth: 1,
            ..png::Recipe::plain(4_000, 3_000)
        }
        .make(&mut Noise::new(1)),
    ] {
        let master = make_master(&bytes).expect("a master");
        assert_eq!(master.dimensions.to_string(), "2048x1536");
    }
}

/// The largest pictures are accepted where they cannot be expensive.
#[test]
fn a_hundred_megapixels_pass_where_rows_come_one_by_one() {
    let _alone = alone();
    let png = png::Recipe {
        content: Content::Flat,
        packing: Packing::Deflate(9),
        colour: 0,
        depth: 1,
        ..png::Recipe::plain(10_000, 10_000)
    }
    .make(&mut Noise::new(1));
    let jpeg = jpeg::Recipe {
        full: false,
        ..jpeg::Recipe::plain(10_000, 10_000)
    }
    .make(&mut Noise::new(1));
    for (name, bytes) in [("PNG", png), ("JPEG", jpeg)] {
        let (working, _) = measured(name, &bytes).expect(name);
        assert!(working <= 144 * MEBIBYTE, "{name}: {working}");
    }
}

/// Files that consist of parts only.
#[test]
fn parts_are_counted() {
    let _alone = alone();
    let extended = webp::extended(0, 16, 16);
    let mut chunks: Vec<(&[u8; 4], &[u8])> = vec![(b"VP8X", &extended)];
    chunks.resize(70_000, (b"JUNK", b""));
    let png = {
        let mut file = png_with(b"teXt", b"");
        file.truncate(file.len() - 12);
        (0..70_000).for_each(|_| chunk(&mut file, b"teXt", b""));
        chunk(&mut file, b"IEND", b"");
        file
    };
    let good = jpeg::Recipe::plain(64, 64).make(&mut Noise::new(1));
    let mut jpeg = good[..2].to_vec();
    (0..70_000).for_each(|_| jpeg::segment(&mut jpeg, 0xE5, b""));
    jpeg.extend(&good[2..]);
    for bytes in [webp::file(&chunks), png, jpeg] {
        assert!(matches!(inspect(&bytes), Err(RenditionError::TooManyParts)));
    }
    let mut jpeg = good[..2].to_vec();
    jpeg::segment(&mut jpeg, 0xC4, &[0; 17 * 1_100]);
    jpeg.extend(&good[2..]);
    assert!(matches!(
        make_master(&jpeg),
        Err(RenditionError::Unsupported(_))
    ));
}
