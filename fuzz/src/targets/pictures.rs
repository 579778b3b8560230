//! Headers, decoders, ingest and rendering.

use std::fs;
use std::io::Cursor;
use std::path::Path;

use image::{DynamicImage, ImageFormat, Rgba, RgbaImage};
use photolog_rendition::jpeg::{self, Scale};
use photolog_rendition::{
    Dimensions, MAX_PIXELS, MAX_RENDITION_SIDE, MAX_SIDE, MediaType, RenditionSpec, inspect,
    make_master, render,
};

use super::{kind, magnitude, words};
use crate::Target;
use crate::limits::{HEADER, PICTURE};

/// Larger pictures are for the caller of the decoder to refuse.
const MOST_PIXELS_OF_A_JPEG: usize = 1 << 20;

pub(super) fn targets() -> Vec<Target> {
    let jpeg: fn() -> Vec<Vec<u8>> = || fixtures(&["jpg"]);
    let png: fn() -> Vec<Vec<u8>> = || fixtures(&["png"]);
    let webp: fn() -> Vec<Vec<u8>> = || fixtures(&["webp"]);
    let any: fn() -> Vec<Vec<u8>> = || fixtures(&["jpg", "png", "webp"]);
    [
        ("inspect", inspected as fn(&[u8]) -> u64, any, ANY),
        ("make_master", mastered, any, ANY),
        ("render", rendered, any, ANY),
        ("jpeg", decoded_jpeg, jpeg, JPEG),
        ("png", mastered, png, PNG),
        ("webp", mastered, webp, WEBP),
    ]
    .into_iter()
    .map(|(name, run, seeds, dictionary)| Target {
        name,
        run,
        dictionary,
        repair: Some(repair_checksums),
        seeds,
        longest: 64 << 10,
        limits: if name == "inspect" { HEADER } else { PICTURE },
    })
    .collect()
}

const JPEG: &[&str] = &[
    "Exif\0\0",
    "ICC_PROFILE\0",
    "Adobe",
    "JFIF\0",
    "MM\0*",
    "II*\0",
];
const PNG: &[&str] = &[
    "IHDR",
    "PLTE",
    "IDAT",
    "IEND",
    "tRNS",
    "iCCP",
    "gAMA",
    "cHRM",
    "sRGB",
    "eXIf",
    "acTL",
    "fcTL",
    "fdAT",
    "zTXt",
    "\u{89}PNG\r\n\u{1a}\n",
];
const WEBP: &[&str] = &[
    "RIFF", "WEBP", "VP8 ", "VP8L", "VP8X", "ALPH", "ANIM", "ANMF", "ICCP", "EXIF", "XMP ",
];
const ANY: &[&str] = &[
    "Exif\0\0",
    "ICC_PROFILE\0",
    "MM\0*",
    "IHDR",
    "PLTE",
    "IDAT",
    "IEND",
    "tRNS",
    "iCCP",
    "acTL",
    "fcTL",
    "fdAT",
    "RIFF",
    "WEBP",
    "VP8 ",
    "VP8L",
    "VP8X",
    "ALPH",
    "ANMF",
    "EXIF",
];

fn inspected(bytes: &[u8]) -> u64 {
    let found = inspect(bytes);
    if let Ok(found) = &found {
        let Dimensions { width, height } = found.dimensions;
        assert!((1..=MAX_SIDE).contains(&width) && (1..=MAX_SIDE).contains(&height));
        assert!(u64::from(width) * u64::from(height) <= MAX_PIXELS);
        assert_eq!(MediaType::sniff(bytes), Some(found.media_type));
    }
    kind(found.map_err(words).map(|found| {
        let pixels = found.dimensions.width as usize * found.dimensions.height as usize;
        (found.media_type, magnitude(pixels))
    }))
}

/// A master can be shown, and is what it declares to be.
fn mastered(bytes: &[u8]) -> u64 {
    let master = make_master(bytes);
    if let Ok(master) = &master {
        let upload = inspect(bytes).map(|found| found.dimensions);
        assert_eq!(upload.ok(), Some(master.original_dimensions));
        let found = inspect(&master.bytes).ok();
        assert_eq!(found.map(|found| found.media_type), Some(master.media_type));
        assert_eq!(found.map(|found| found.dimensions), Some(master.dimensions));
        let Dimensions { width, height } = master.dimensions;
        assert!(width.max(height) <= MAX_RENDITION_SIDE);
        let spec = RenditionSpec {
            dimensions: Dimensions {
                width: width.div_ceil(2),
                height: height.div_ceil(2),
            },
            media_type: MediaType::Png,
        };
        assert!(
            render(&master.bytes, &spec).is_ok(),
            "a master that cannot be shown"
        );
    }
    kind(
        master
            .map_err(words)
            .map(|master| (master.media_type, master.has_alpha)),
    )
}

/// Masters that an origin might send to an edge.
fn rendered(bytes: &[u8]) -> u64 {
    let spec = RenditionSpec {
        dimensions: Dimensions {
            width: 24,
            height: 17,
        },
        media_type: MediaType::Jpeg,
    };
    kind(
        render(bytes, &spec)
            .map_err(words)
            .map(|made| MediaType::sniff(&made)),
    )
}

fn decoded_jpeg(bytes: &[u8]) -> u64 {
    let header = match jpeg::Header::parse(bytes) {
        Ok(header) => header,
        Err(error) => return kind(words(error)),
    };
    let pixels = header.width as usize * header.height as usize;
    if pixels > MOST_PIXELS_OF_A_JPEG {
        return kind("large");
    }
    let outcomes = [Scale::FULL, Scale::HALF, Scale::EIGHTH].map(|scale| {
        jpeg::decode(bytes, scale)
            .map(|planes| jpeg::to_rgb(&planes).is_ok())
            .map_err(words)
    });
    kind(outcomes)
}

/// The fixtures of the codecs' tests, and some pictures with more features.
fn fixtures(endings: &[&str]) -> Vec<Vec<u8>> {
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("../rendition/fixtures");
    let mut paths: Vec<_> = [home.clone(), home.join("jpeg")]
        .into_iter()
        .filter_map(|folder| fs::read_dir(folder).ok())
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            let ending = path.extension().and_then(|ending| ending.to_str());
            ending.is_some_and(|ending| endings.contains(&ending))
        })
        .collect();
    paths.sort();
    let files = paths.into_iter().filter_map(|path| fs::read(path).ok());
    let drawn = endings.iter().filter_map(|ending| {
        let format = ImageFormat::from_extension(ending)?;
        let drawing = DynamicImage::from(RgbaImage::from_fn(40, 30, |x, y| {
            let mixed = (x * 7 + y * 13).wrapping_mul(2_654_435_761);
            Rgba([(mixed >> 24) as u8, x as u8, y as u8, (x * 6) as u8])
        }));
        let drawing = match format {
            ImageFormat::Jpeg => DynamicImage::from(drawing.into_rgb8()),
            _ => drawing,
        };
        let mut bytes = Cursor::new(Vec::new());
        drawing.write_to(&mut bytes, format).ok()?;
        Some(bytes.into_inner())
    });
    files.chain(drawn).collect()
}

/// Corrects the checksums of a PNG's chunks, and the size of a WebP's file.
fn repair_checksums(bytes: &mut [u8]) {
    let length = bytes.len();
    if bytes.starts_with(b"RIFF") {
        if let (Some(size), Ok(right)) =
            (bytes.get_mut(4..8), u32::try_from(length.saturating_sub(8)))
        {
            size.copy_from_slice(&right.to_le_bytes());
        }
        return;
    }
    if MediaType::sniff(bytes) != Some(MediaType::Png) {
        return;
    }
    let mut at = 8;
    while let Some(head) = bytes.get(at..at + 8) {
        let size = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let Some(end) = (at + 8).checked_add(size).filter(|end| end + 4 <= length) else {
            return;
        };
        let checksum = crc32fast::hash(&bytes[at + 4..end]);
        bytes[end..end + 4].copy_from_slice(&checksum.to_be_bytes());
        at = end + 4;
    }
}
