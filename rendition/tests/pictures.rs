//! Uploads of every accepted kind become upright sRGB masters; hostile ones are refused.
//!
//! The fixtures are 16 x 8 pixels, red on the left and blue on the right, unless their name says
//! otherwise; the `orientation-N` ones carry that EXIF orientation and the text "secret words".

use image::{DynamicImage, ExtendedColorType, GenericImageView, ImageEncoder, RgbImage, Rgba};
use photolog_rendition::{
    Dimensions, MAX_RENDITION_SIDE, MasterInfo, MediaType, RenditionError, RenditionSpec, inspect,
    make_master, render,
};

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!("../fixtures/", $name)).as_slice()
    };
}

fn decoded(bytes: &[u8]) -> DynamicImage {
    image::load_from_memory(bytes).expect("a picture")
}

fn png(width: u32, height: u32) -> Vec<u8> {
    let pixels = RgbImage::from_fn(width, height, |x, y| {
        image::Rgb([(x % 256) as u8, (y % 256) as u8, ((x * y) % 251) as u8])
    });
    let mut bytes = Vec::new();
    image::codecs::png::PngEncoder::new(&mut bytes)
        .write_image(&pixels, width, height, ExtendedColorType::Rgb8)
        .expect("a PNG");
    bytes
}

fn is_near(pixel: Rgba<u8>, wanted: [u8; 3]) -> bool {
    pixel
        .0
        .iter()
        .zip(wanted)
        .all(|(got, want)| got.abs_diff(want) < 40)
}

const RED: [u8; 3] = [220, 30, 30];
const BLUE: [u8; 3] = [30, 30, 220];

#[test]
fn every_accepted_kind_becomes_a_master() {
    for (name, bytes, media_type, has_alpha) in [
        (
            "progressive JPEG",
            fixture!("progressive.jpg"),
            MediaType::Jpeg,
            false,
        ),
        ("CMYK JPEG", fixture!("cmyk.jpg"), MediaType::Jpeg, false),
        (
            "palette PNG",
            fixture!("palette.png"),
            MediaType::Png,
            false,
        ),
        (
            "animated PNG",
            fixture!("animated.png"),
            MediaType::Png,
            false,
        ),
        (
            "animated WebP",
            fixture!("animated.webp"),
            MediaType::Png,
            false,
        ),
        ("lossy WebP", fixture!("lossy.webp"), MediaType::Jpeg, false),
        (
            "lossless WebP",
            fixture!("lossless.webp"),
            MediaType::Png,
            false,
        ),
        (
            "WebP with alpha",
            fixture!("alpha.webp"),
            MediaType::WebP,
            true,
        ),
    ] {
        let master = make_master(bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(master.media_type, media_type, "{name}");
        assert_eq!(master.has_alpha, has_alpha, "{name}");
        assert_eq!(master.dimensions.to_string(), "16x8", "{name}");
        let pixels = decoded(&master.bytes);
        assert!(
            is_near(pixels.get_pixel(3, 4), RED),
            "{name}: {:?}",
            pixels.get_pixel(3, 4)
        );
        assert!(
            is_near(pixels.get_pixel(12, 4), BLUE),
            "{name}: {:?}",
            pixels.get_pixel(12, 4)
        );
    }
    for (name, bytes) in [
        ("grey JPEG", fixture!("grey.jpg")),
        ("16-bit grey PNG", fixture!("grey-16.png")),
    ] {
        let master = make_master(bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        let Rgba([red, green, blue, _]) = decoded(&master.bytes).get_pixel(1, 1);
        assert!(
            red.abs_diff(green) < 4 && green.abs_diff(blue) < 4,
            "{name} is grey"
        );
    }
}

#[test]
fn a_picture_is_turned_upright_and_its_metadata_left_behind() {
    for (bytes, size, red_at) in [
        (fixture!("orientation-1.jpg"), "16x8", (3, 4)),
        (fixture!("orientation-2.jpg"), "16x8", (12, 4)),
        (fixture!("orientation-3.jpg"), "16x8", (12, 4)),
        (fixture!("orientation-4.jpg"), "16x8", (3, 4)),
        (fixture!("orientation-5.jpg"), "8x16", (4, 3)),
        (fixture!("orientation-6.jpg"), "8x16", (4, 3)),
        (fixture!("orientation-7.jpg"), "8x16", (4, 12)),
        (fixture!("orientation-8.jpg"), "8x16", (4, 12)),
        (fixture!("orientation-6.png"), "8x16", (4, 3)),
        (fixture!("orientation-6.webp"), "8x16", (4, 3)),
    ] {
        assert_eq!(inspect(bytes).unwrap().dimensions.to_string(), size);
        let master = make_master(bytes).unwrap();
        assert_eq!(master.original_dimensions.to_string(), size);
        let pixels = decoded(&master.bytes);
        assert!(
            is_near(pixels.get_pixel(red_at.0, red_at.1), RED),
            "{red_at:?} of {size}: {:?}",
            pixels.get_pixel(red_at.0, red_at.1)
        );
        for words in [b"secret".as_slice(), b"Exif", b"eXIf"] {
            assert!(
                !master
                    .bytes
                    .windows(words.len())
                    .any(|window| window == words)
            );
        }
    }
}

#[test]
fn a_cut_off_picture_is_refused_wherever_it_is_cut() {
    let long_png = png(64, 64);
    for bytes in [
        fixture!("progressive.jpg"),
        fixture!("orientation-6.jpg"),
        fixture!("palette.png"),
        fixture!("alpha.webp"),
        fixture!("lossy.webp"),
        long_png.as_slice(),
    ] {
        // The last bytes of a PNG are an empty end chunk: pixels are complete without it.
        for length in 0..bytes.len() - 16 {
            assert!(
                make_master(&bytes[..length]).is_err(),
                "{length} of {}",
                bytes.len()
            );
        }
    }
}

#[test]
fn damaged_bytes_never_panic() {
    for bytes in [
        fixture!("progressive.jpg"),
        fixture!("cmyk.jpg"),
        fixture!("palette.png"),
        fixture!("alpha.webp"),
        fixture!("lossy.webp"),
        fixture!("animated.webp"),
    ] {
        for place in 0..bytes.len() {
            for flip in [0x01, 0x80, 0xff] {
                let mut damaged = bytes.to_vec();
                damaged[place] ^= flip;
                if let Ok(inspection) = inspect(&damaged)
                    && inspection.working_bytes < 64 << 20
                {
                    let _ = make_master(&damaged);
                }
            }
        }
    }
}

/// A PNG's header with this size and nothing after it.
fn png_header(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = png(1, 1);
    bytes[16..20].copy_from_slice(&width.to_be_bytes());
    bytes[20..24].copy_from_slice(&height.to_be_bytes());
    let crc = crc32(&bytes[12..29]);
    bytes[29..33].copy_from_slice(&crc.to_be_bytes());
    bytes
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & 0u32.wrapping_sub(crc & 1))
        })
    })
}

#[test]
fn a_bomb_is_refused_by_its_header() {
    let refused = |bytes: &[u8]| inspect(bytes).unwrap_err();
    assert!(matches!(
        refused(&png_header(30_000, 30_000)),
        RenditionError::SideTooLong
    ));
    assert!(matches!(
        refused(&png_header(16_385, 1)),
        RenditionError::SideTooLong
    ));
    assert!(matches!(
        refused(&png_header(16_384, 16_384)),
        RenditionError::TooManyPixels
    ));
    // This many pixels are allowed, but not in so few bytes.
    assert!(matches!(
        refused(&png_header(10_000, 10_000)),
        RenditionError::Truncated
    ));
}

#[test]
fn anything_but_a_picture_is_refused() {
    for bytes in [
        b"".as_slice(),
        b"hello",
        b"GIF89a......",
        b"<svg/>",
        b"\x89PNG",
        b"RIFF....WEBP",
    ] {
        assert!(inspect(bytes).is_err());
        assert!(make_master(bytes).is_err());
    }
}

#[test]
fn odd_sizes_pass_through() {
    for (width, height, wanted) in [
        (1, 1, "1x1"),
        (37, 1, "37x1"),
        (16_384, 1, "2048x1"),
        (1, 16_384, "1x2048"),
        (3_000, 2_000, "2048x1365"),
    ] {
        let master = make_master(&png(width, height)).unwrap();
        assert_eq!(master.dimensions.to_string(), wanted);
        assert_eq!(
            decoded(&master.bytes).dimensions(),
            (master.dimensions.width, master.dimensions.height)
        );
        assert!(master.dimensions.width <= MAX_RENDITION_SIDE);
    }
}

#[test]
fn a_rendition_has_the_size_and_format_that_was_asked_for() {
    let master = make_master(&png(640, 480)).unwrap();
    for media_type in MediaType::ALL {
        let dimensions = Dimensions {
            width: 400,
            height: 300,
        };
        let spec = RenditionSpec {
            dimensions,
            media_type,
        };
        let bytes = render(&master.bytes, &spec).unwrap();
        assert_eq!(MediaType::sniff(&bytes), Some(media_type));
        assert_eq!(decoded(&bytes).dimensions(), (400, 300));
        assert_eq!(
            render(&master.bytes, &spec).unwrap(),
            bytes,
            "the same bytes every time"
        );
    }
}

#[test]
fn the_masters_own_spec_gives_its_own_bytes() {
    let master = make_master(&png(40, 30)).unwrap();
    let spec = RenditionSpec {
        dimensions: master.dimensions,
        media_type: master.media_type,
    };
    assert_eq!(render(&master.bytes, &spec).unwrap(), master.bytes);
}

#[test]
fn transparency_becomes_white_in_jpeg_only() {
    let master = make_master(fixture!("alpha.webp")).unwrap();
    let info = MasterInfo {
        media_type: master.media_type,
        dimensions: master.dimensions,
        has_alpha: master.has_alpha,
    };
    assert!(info.has_alpha);
    let spec = |media_type| RenditionSpec {
        dimensions: master.dimensions,
        media_type,
    };
    let png = decoded(&render(&master.bytes, &spec(MediaType::Png)).unwrap());
    assert_eq!(png.get_pixel(0, 0).0[3], 0);
    let jpeg = decoded(&render(&master.bytes, &spec(MediaType::Jpeg)).unwrap());
    let Rgba([red, green, blue, _]) = jpeg.get_pixel(0, 0);
    assert!(
        red > 200 && green > 100 && blue > 100,
        "{red} {green} {blue}"
    );
}
