//! Pictures of every accepted kind, all but a few of them small, and some that are refused.

use std::path::Path;

use image::{
    DynamicImage, ExtendedColorType, GrayImage, ImageBuffer, ImageEncoder, ImageFormat, Rgba,
    RgbaImage,
};
use jpeg_encoder::{ColorType as JpegColour, Encoder as JpegEncoder, SamplingFactor};
use moxcms::ColorProfile;
use photolog_tests::pictures::{encoded, pixels};
use png::{BitDepth, ColorType as PngColour};

/// A picture and its description.
pub(crate) struct Sample {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
}

fn sample(name: impl Into<String>, bytes: Vec<u8>) -> Sample {
    let name = name.into();
    Sample { name, bytes }
}

/// All accepted pictures.
pub(crate) fn pictures() -> Vec<Sample> {
    let mut all = fixtures();
    all.extend(of_odd_sizes());
    all.extend(pngs());
    all.extend(jpegs());
    all.extend(webps());
    all.extend(with_profiles());
    all
}

/// Truncated pictures, which the origin refuses.
pub(crate) fn truncated() -> Vec<Sample> {
    let whole = [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP];
    let cut = whole.map(|format| {
        let bytes = encoded(pixels(90, 70, 77), format);
        sample(
            format!("half a {format:?}"),
            bytes[..bytes.len() / 2].to_vec(),
        )
    });
    cut.into()
}

/// Correct, but of a refused kind: these are among the renderer's tests.
const NOT_SHOWN: [&str; 2] = [
    "sequential_420_arithmetic.jpg",
    "progressive_chroma_larger.jpg",
];

/// The renderer's own fixtures: orientations, CMYK, palettes, animations, all kinds of JPEG scans.
fn fixtures() -> Vec<Sample> {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../rendition/fixtures");
    let files = [fixtures.clone(), fixtures.join("jpeg")]
        .into_iter()
        .flat_map(|folder| std::fs::read_dir(folder).unwrap())
        .map(|entry| entry.unwrap().path());
    let pictures = files.filter(|path| {
        let ending = path.extension().unwrap_or_default();
        let is_shown = !NOT_SHOWN.iter().any(|name| path.ends_with(name));
        is_shown && ["jpg", "png", "webp"].iter().any(|known| ending == *known)
    });
    let mut all: Vec<_> = pictures
        .map(|path| {
            sample(
                path.file_name().unwrap().to_string_lossy(),
                std::fs::read(&path).unwrap(),
            )
        })
        .collect();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
}

fn of_odd_sizes() -> Vec<Sample> {
    let sizes = [
        (1, 1),
        (37, 1),
        (1, 37),
        (16_384, 1),
        (1, 16_384),
        (2_049, 3),
    ];
    let formats = [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP];
    let mut all = Vec::new();
    for (seed, (width, height)) in (0u32..).zip(sizes) {
        for format in formats {
            // WebP allows at most 16,383 pixels a side.
            if format == ImageFormat::WebP && width.max(height) > 16_383 {
                continue;
            }
            let bytes = encoded(pixels(width, height, seed * 1_000), format);
            all.push(sample(format!("{width}x{height} {format:?}"), bytes));
        }
    }
    all.push(sample(
        "larger than a master",
        encoded(pixels(2_600, 1_900, 5), ImageFormat::Jpeg),
    ));
    all.push(sample(
        "as large as a master",
        encoded(pixels(2_048, 700, 6), ImageFormat::Png),
    ));
    all
}

fn pngs() -> Vec<Sample> {
    let (width, height) = (301, 199);
    let colour = DynamicImage::ImageRgb8(pixels(width, height, 11));
    let alpha = DynamicImage::ImageRgba8(translucent(width, height));
    let deep = ImageBuffer::from_fn(width, height, |x, y| {
        Rgba([x * 217, y * 329, (x * y) % 65_536, 65_535 - x * 200].map(|value| value as u16))
    });
    let deep = DynamicImage::ImageRgba16(deep);
    let mut all: Vec<_> = [
        ("grey", DynamicImage::ImageLuma8(colour.to_luma8())),
        (
            "grey with alpha",
            DynamicImage::ImageLumaA8(alpha.to_luma_alpha8()),
        ),
        ("RGB", colour.clone()),
        ("RGBA", alpha.clone()),
        ("16-bit grey", DynamicImage::ImageLuma16(deep.to_luma16())),
        (
            "16-bit grey with alpha",
            DynamicImage::ImageLumaA16(deep.to_luma_alpha16()),
        ),
        ("16-bit RGB", DynamicImage::ImageRgb16(deep.to_rgb16())),
        ("16-bit RGBA", deep),
    ]
    .into_iter()
    .map(|(name, image)| sample(format!("{name} PNG"), encoded(image, ImageFormat::Png)))
    .collect();
    for (bits, depth) in [
        (1, BitDepth::One),
        (2, BitDepth::Two),
        (4, BitDepth::Four),
        (8, BitDepth::Eight),
    ] {
        for colour in [PngColour::Indexed, PngColour::Grayscale] {
            all.push(sample(
                format!("{bits}-bit {colour:?} PNG"),
                packed_png(depth, colour, false),
            ));
        }
        let bytes = packed_png(depth, PngColour::Indexed, true);
        all.push(sample(format!("{bits}-bit palette PNG with alpha"), bytes));
    }
    all
}

/// A PNG of up to eight bits a sample; every bit pattern is a legal sample.
fn packed_png(depth: BitDepth, colour: PngColour, with_alpha: bool) -> Vec<u8> {
    let (width, height) = (93u32, 61u32);
    let bits = depth as u32;
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(colour);
    encoder.set_depth(depth);
    if colour == PngColour::Indexed {
        let palette: Vec<u8> = (0..3u32 << bits).map(|index| (index * 53) as u8).collect();
        encoder.set_palette(palette);
        if with_alpha {
            encoder.set_trns(
                (0..1u32 << bits)
                    .map(|index| (index * 97) as u8)
                    .collect::<Vec<_>>(),
            );
        }
    }
    let row = (width * bits).div_ceil(8);
    let packed: Vec<u8> = (0..row * height).map(|at| (at * 29 / 3) as u8).collect();
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&packed).unwrap();
    writer.finish().unwrap();
    bytes
}

fn jpegs() -> Vec<Sample> {
    let (width, height) = (241u16, 163u16);
    let image = DynamicImage::ImageRgb8(pixels(width.into(), height.into(), 21));
    let (rgb, rgba, grey) = (image.to_rgb8(), image.to_rgba8(), image.to_luma8());
    let encode = |bytes: &[u8], colour, set: &dyn Fn(&mut JpegEncoder<&mut Vec<u8>>)| {
        let mut out = Vec::new();
        let mut encoder = JpegEncoder::new(&mut out, 85);
        set(&mut encoder);
        encoder.encode(bytes, width, height, colour).unwrap();
        out
    };
    let mut all = vec![
        sample("grey JPEG", encode(&grey, JpegColour::Luma, &|_| {})),
        sample("CMYK JPEG", encode(&rgba, JpegColour::Cmyk, &|_| {})),
        sample("YCCK JPEG", encode(&rgba, JpegColour::CmykAsYcck, &|_| {})),
        sample(
            "progressive JPEG",
            encode(&rgb, JpegColour::Rgb, &|it| it.set_progressive(true)),
        ),
        sample(
            "JPEG with restarts",
            encode(&rgb, JpegColour::Rgb, &|it| it.set_restart_interval(7)),
        ),
    ];
    for sampling in [
        SamplingFactor::F_1_1,
        SamplingFactor::F_2_1,
        SamplingFactor::F_1_2,
        SamplingFactor::F_2_2,
    ] {
        let bytes = encode(&rgb, JpegColour::Rgb, &|it| {
            it.set_sampling_factor(sampling)
        });
        all.push(sample(format!("{sampling:?} JPEG"), bytes));
    }
    all
}

fn webps() -> Vec<Sample> {
    let alpha = translucent(151, 213);
    let grey: GrayImage = DynamicImage::ImageRgba8(alpha.clone()).to_luma8();
    vec![
        sample(
            "opaque WebP",
            encoded(pixels(151, 213, 31), ImageFormat::WebP),
        ),
        sample("WebP with alpha", encoded(alpha, ImageFormat::WebP)),
        sample("grey WebP", encoded(grey, ImageFormat::WebP)),
    ]
}

fn with_profiles() -> Vec<Sample> {
    let profiles = [
        ("Display P3", ColorProfile::new_display_p3()),
        ("Adobe RGB", ColorProfile::new_adobe_rgb()),
        ("Rec. 2020", ColorProfile::new_bt2020()),
    ];
    let mut all = Vec::new();
    for (seed, (name, profile)) in (41..).zip(profiles) {
        let profile = profile.encode().unwrap();
        let (width, height) = (120, 90);
        let image = pixels(width, height, seed);
        let mut jpeg = Vec::new();
        let mut encoder = JpegEncoder::new(&mut jpeg, 90);
        encoder.add_icc_profile(&profile).unwrap();
        encoder.encode(&image, 120, 90, JpegColour::Rgb).unwrap();
        all.push(sample(format!("{name} JPEG"), jpeg));
        let mut png = Vec::new();
        let mut encoder = image::codecs::png::PngEncoder::new(&mut png);
        encoder.set_icc_profile(profile).unwrap();
        let written = encoder.write_image(&image, width, height, ExtendedColorType::Rgb8);
        written.unwrap();
        all.push(sample(format!("{name} PNG"), png));
    }
    all
}

fn translucent(width: u32, height: u32) -> RgbaImage {
    let colours = pixels(width, height, 51);
    RgbaImage::from_fn(width, height, |x, y| {
        let [red, green, blue] = colours.get_pixel(x, y).0;
        Rgba([red, green, blue, (x * 255 / width) as u8])
    })
}
