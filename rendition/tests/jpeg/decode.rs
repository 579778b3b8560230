//! Correct pictures from correct files, at every scale.

use crate::support::{
    Rgb, decodable, drawing, expected, fixture, largest_difference, psnr, slopes, zune,
};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use photolog_rendition::jpeg::{
    Coding, Colour, Header, JpegError, Plane, Planes, Scale, decode, memory_needed, to_rgb,
};

const SAMPLINGS: [SamplingFactor; 8] = [
    SamplingFactor::F_1_1,
    SamplingFactor::F_2_1,
    SamplingFactor::F_1_2,
    SamplingFactor::F_2_2,
    SamplingFactor::F_4_1,
    SamplingFactor::F_4_2,
    SamplingFactor::F_1_4,
    SamplingFactor::F_2_4,
];
const SIZES: [(usize, usize); 9] = [
    (1, 1),
    (1, 33),
    (65, 1),
    (2, 3),
    (7, 8),
    (8, 9),
    (16, 16),
    (33, 17),
    (65, 33),
];

fn scales() -> impl Iterator<Item = Scale> {
    (1..=8).filter_map(Scale::new)
}

/// Encoded by jpeg-encoder.
fn encoded(
    picture: &Rgb,
    sampling: SamplingFactor,
    change: impl Fn(&mut Encoder<&mut Vec<u8>>),
) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, 85);
    encoder.set_sampling_factor(sampling);
    change(&mut encoder);
    let (width, height) = (picture.width as u16, picture.height as u16);
    encoder
        .encode(&picture.pixels, width, height, ColorType::Rgb)
        .unwrap();
    bytes
}

fn rgb(bytes: &[u8]) -> Vec<u8> {
    to_rgb(&decode(bytes, Scale::FULL).unwrap()).unwrap()
}

/// Whether two pictures have the same samples; padding does not matter.
fn same(a: &Planes, b: &Planes) -> bool {
    a.planes.len() == b.planes.len()
        && a.planes.iter().zip(&b.planes).all(|(a, b)| {
            (a.width, a.height) == (b.width, b.height)
                && (0..a.height).all(|y| a.row(y) == b.row(y))
        })
}

#[test]
fn fixtures_look_as_libjpeg_turbo_decodes_them() {
    for name in decodable() {
        let picture = expected(&name);
        let planes = decode(&fixture(&name), Scale::FULL).unwrap();
        assert_eq!(
            (planes.width, planes.height),
            (picture.width, picture.height),
            "{name}"
        );
        let difference = largest_difference(&to_rgb(&planes).unwrap(), &picture.pixels);
        // Each plane is within 1; blue weighs its colour difference by 1.77.
        assert!(difference <= 3, "{name}: {difference}");
    }
}

#[test]
fn all_samplings_and_sizes_agree_with_zune_jpeg() {
    for (width, height) in SIZES {
        let picture = slopes(width, height);
        for sampling in [
            SamplingFactor::F_1_1,
            SamplingFactor::F_2_1,
            SamplingFactor::F_2_2,
        ] {
            let bytes = encoded(&picture, sampling, |_| {});
            let difference = largest_difference(&rgb(&bytes), &zune(&bytes));
            // It interpolates chroma differently.
            let most = if sampling == SamplingFactor::F_1_1 {
                3
            } else {
                8
            };
            assert!(
                difference <= most,
                "{sampling:?} {width}x{height}: {difference}"
            );
        }
    }
}

#[test]
fn all_samplings_and_sizes_come_back_close_to_the_original() {
    for (width, height) in SIZES {
        let picture = slopes(width, height);
        for sampling in SAMPLINGS {
            let bytes = encoded(&picture, sampling, |_| {});
            let quality = psnr(&rgb(&bytes), &picture.pixels);
            assert!(quality > 28.0, "{sampling:?} {width}x{height}: {quality}");
        }
    }
}

#[test]
fn progressive_and_restarted_files_give_the_same_planes() {
    for (width, height) in SIZES {
        let picture = drawing(width, height);
        for sampling in SAMPLINGS {
            let plain = encoded(&picture, sampling, |_| {});
            let progressive = encoded(&picture, sampling, |e| e.set_progressive(true));
            let restarted = encoded(&picture, sampling, |e| e.set_restart_interval(3));
            assert_eq!(
                Header::parse(&progressive).unwrap().coding,
                Coding::Progressive
            );
            for scale in scales() {
                let planes = decode(&plain, scale).unwrap();
                let what = format!("{sampling:?} {width}x{height} at {scale:?}");
                assert!(
                    same(&decode(&progressive, scale).unwrap(), &planes),
                    "progressive {what}"
                );
                assert!(
                    same(&decode(&restarted, scale).unwrap(), &planes),
                    "restarted {what}"
                );
            }
        }
    }
}

#[test]
fn scan_scripts_do_not_change_the_planes() {
    // The progressive file contains the coefficients of the sequential one, with refinement scans.
    let plain = fixture("sequential_420.jpg");
    for name in [
        "progressive_420.jpg",
        "sequential_420_one_scan_each.jpg",
        "sequential_420_restarts.jpg",
    ] {
        for scale in scales() {
            let (theirs, ours) = (decode(&plain, scale), decode(&fixture(name), scale));
            assert!(
                same(&theirs.unwrap(), &ours.unwrap()),
                "{name} at {scale:?}"
            );
        }
    }
}

#[test]
fn smaller_scales_show_the_same_picture() {
    for name in decodable() {
        let bytes = fixture(&name);
        let full = decode(&bytes, Scale::FULL).unwrap();
        for scale in scales() {
            let small = decode(&bytes, scale).unwrap();
            assert_eq!(
                small.width,
                (full.width * usize::from(scale.eighths())).div_ceil(8)
            );
            for (small, full) in small.planes.iter().zip(&full.planes) {
                let blocks = (full.width / 8, full.height / 8);
                let a = mean_of_blocks(small, blocks, scale);
                let b = mean_of_blocks(full, blocks, Scale::FULL);
                assert!(
                    (a - b).abs() < 1.0,
                    "{name} at {scale:?}: {a} instead of {b}"
                );
            }
        }
    }
}

/// The mean over the blocks that lie completely inside, which is the same at all scales.
fn mean_of_blocks(plane: &Plane, blocks: (usize, usize), scale: Scale) -> f64 {
    let n = usize::from(scale.eighths());
    let (wide, high) = (blocks.0 * n, blocks.1 * n);
    let sum: u64 = (0..high)
        .flat_map(|y| &plane.row(y)[..wide])
        .map(|&s| u64::from(s))
        .sum();
    sum as f64 / (wide * high) as f64
}

#[test]
fn inks_become_colours() {
    let colour = [0_u8, 64, 128, 32];
    let picture: Vec<u8> = colour.repeat(16 * 16);
    for (kind, inverted) in [(ColorType::Cmyk, true), (ColorType::CmykAsYcck, true)] {
        let mut bytes = Vec::new();
        let mut encoder = Encoder::new(&mut bytes, 100);
        encoder.set_sampling_factor(SamplingFactor::F_1_1);
        encoder.encode(&picture, 16, 16, kind).unwrap();
        let planes = decode(&bytes, Scale::FULL).unwrap();
        let expected = match kind {
            ColorType::Cmyk => Colour::Cmyk { inverted },
            _ => Colour::Ycck { inverted },
        };
        assert_eq!(planes.colour, expected);
        let paper = |ink: u8| u32::from(255 - ink) * u32::from(255 - colour[3]) / 255;
        for pixel in to_rgb(&planes).unwrap().chunks_exact(3) {
            for (got, ink) in pixel.iter().zip(colour) {
                assert!(paper(ink).abs_diff((*got).into()) <= 2, "{pixel:?}");
            }
        }
    }
}

#[test]
fn headers_tell_what_is_inside() {
    let header = Header::parse(&fixture("progressive_chroma_larger.jpg")).unwrap();
    assert_eq!((header.width, header.height), (65, 33));
    assert_eq!(
        (header.coding, header.colour),
        (Coding::Progressive, Colour::YCbCr)
    );
    let factors: Vec<_> = header
        .components
        .iter()
        .map(|c| (c.horizontal, c.vertical))
        .collect();
    assert_eq!(factors, [(1, 1), (2, 2), (2, 2)]);
    let colour = |name| Header::parse(&fixture(name)).unwrap().colour;
    assert_eq!(colour("sequential_rgb.jpg"), Colour::Rgb);
    assert_eq!(colour("progressive_grey.jpg"), Colour::Grey);
    assert_eq!(
        colour("sequential_cmyk_inverted.jpg"),
        Colour::Cmyk { inverted: true }
    );
    let restarted = Header::parse(&fixture("sequential_420_restarts.jpg")).unwrap();
    assert_eq!(restarted.restart_interval, 5);
}

#[test]
fn metadata_is_found_and_may_be_padded() {
    let mut bytes = fixture("sequential_420.jpg");
    let mut extra = b"\xFF\xE1\x00\x0CExif\0\0TIFF".to_vec();
    // Stray bytes, fill bytes, then two chunks of a profile in the wrong order.
    extra.extend(b"\0\0stray\xFF\xFF");
    for (number, part) in [(2_u8, b"file"), (1, b"pro-")] {
        extra.extend(b"\xFF\xE2\x00\x14ICC_PROFILE\0");
        extra.extend([number, 2]);
        extra.extend(part);
    }
    bytes.splice(2..2, extra);
    let header = Header::parse(&bytes).unwrap();
    assert_eq!(&bytes[header.exif.clone().unwrap()], b"TIFF");
    assert_eq!(header.icc_profile(&bytes).unwrap(), b"pro-file");
    assert_eq!(rgb(&bytes), rgb(&fixture("sequential_420.jpg")));
}

#[test]
fn unsupported_kinds_are_named() {
    let refusal = |bytes: &[u8]| decode(bytes, Scale::FULL).unwrap_err();
    let arithmetic = fixture("sequential_420_arithmetic.jpg");
    assert_eq!(
        refusal(&arithmetic),
        JpegError::Unsupported("arithmetic coding")
    );
    assert_eq!(refusal(b"\x89PNG"), JpegError::NotJpeg);
    let mut twelve_bits = fixture("sequential_420.jpg");
    let frame = twelve_bits
        .windows(2)
        .position(|pair| pair == [0xFF, 0xC0])
        .unwrap();
    twelve_bits[frame + 4] = 12;
    assert!(matches!(refusal(&twelve_bits), JpegError::Unsupported(_)));
    twelve_bits[frame + 1] = 0xC3;
    assert_eq!(
        refusal(&twelve_bits),
        JpegError::Unsupported("lossless coding")
    );
}

#[test]
fn the_covering_scale_is_the_smallest_that_covers() {
    let header = Header::parse(&fixture("sequential_420.jpg")).unwrap();
    for (width, height, eighths) in [
        (1, 1, 1),
        (8, 4, 1),
        (9, 4, 2),
        (8, 5, 2),
        (64, 33, 8),
        (99, 1, 8),
    ] {
        assert_eq!(
            Scale::covering(&header, width, height).eighths(),
            eighths,
            "{width}x{height}"
        );
    }
}

#[test]
fn the_memory_estimate_covers_the_planes() {
    for name in decodable() {
        let bytes = fixture(&name);
        let header = Header::parse(&bytes).unwrap();
        for scale in scales() {
            let planes: Planes = decode(&bytes, scale).unwrap();
            let held: usize = planes.planes.iter().map(|plane| plane.samples.len()).sum();
            assert!(memory_needed(&header, scale) >= held as u64);
        }
    }
}
