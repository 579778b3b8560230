//! The encoder's output is readable by other decoders, small, and close to the original.

use crate::support::{Rgb, drawing, largest_difference, psnr, zune};
use jpeg_encoder::{ColorType, Encoder, QuantizationTableType, SamplingFactor};
use photolog_rendition::jpeg::{
    Colour, Header, JpegError, Plane, Planes, Scale, Subsampling, decode, encode, from_rgb, to_rgb,
};

const BOTH: [Subsampling; 2] = [Subsampling::Full, Subsampling::Quarter];

fn planes(picture: &Rgb, subsampling: Subsampling) -> Planes {
    from_rgb(picture.width, picture.height, &picture.pixels, subsampling).unwrap()
}

fn grey(width: usize, height: usize) -> Planes {
    let luma = planes(&drawing(width, height), Subsampling::Full)
        .planes
        .swap_remove(0);
    Planes {
        width,
        height,
        colour: Colour::Grey,
        planes: vec![luma],
    }
}

#[test]
fn others_read_what_we_write() {
    for (width, height) in [(1, 1), (1, 40), (65, 1), (8, 8), (17, 16), (65, 33)] {
        for subsampling in BOTH {
            for quality in [1, 50, 80, 100] {
                let bytes = encode(&planes(&drawing(width, height), subsampling), quality).unwrap();
                let ours = to_rgb(&decode(&bytes, Scale::FULL).unwrap()).unwrap();
                let most = if subsampling == Subsampling::Full {
                    3
                } else {
                    40
                };
                let difference = largest_difference(&ours, &zune(&bytes));
                assert!(
                    difference <= most,
                    "{width}x{height} at {quality}: {difference}"
                );
            }
        }
        let bytes = encode(&grey(width, height), 80).unwrap();
        assert_eq!(Header::parse(&bytes).unwrap().colour, Colour::Grey);
        let ours = to_rgb(&decode(&bytes, Scale::FULL).unwrap()).unwrap();
        assert!(largest_difference(&ours, &zune(&bytes)) <= 1);
    }
}

#[test]
fn planes_survive_the_round_trip() {
    for (down, across) in [(1, 1), (1, 2), (2, 1), (2, 2)] {
        for (width, height) in [(1, 1), (15, 9), (64, 48), (65, 33)] {
            let mut picture = grey(width, height);
            picture.colour = Colour::YCbCr;
            for value in [90, 170] {
                let mut chroma = Plane::new(width.div_ceil(across), height.div_ceil(down));
                chroma.samples.fill(value);
                picture.planes.push(chroma);
            }
            let bytes = encode(&picture, 95).unwrap();
            let back = decode(&bytes, Scale::FULL).unwrap();
            for (ours, original) in back.planes.iter().zip(&picture.planes) {
                assert_eq!((ours.width, ours.height), (original.width, original.height));
                for y in 0..original.height {
                    assert!(largest_difference(ours.row(y), original.row(y)) < 25);
                }
            }
            for plane in &back.planes[1..] {
                assert!(plane.row(0)[0].abs_diff(90) <= 1 || plane.row(0)[0].abs_diff(170) <= 1);
            }
        }
    }
}

#[test]
fn size_and_quality_match_jpeg_encoder() {
    let picture = drawing(320, 240);
    for quality in [40, 80, 92] {
        for (subsampling, sampling) in BOTH
            .into_iter()
            .zip([SamplingFactor::F_1_1, SamplingFactor::F_2_2])
        {
            let ours = encode(&planes(&picture, subsampling), quality).unwrap();
            let mut theirs = Vec::new();
            let mut encoder = Encoder::new(&mut theirs, quality);
            encoder.set_sampling_factor(sampling);
            encoder.set_optimized_huffman_tables(true);
            let table = QuantizationTableType::ImageMagick;
            encoder.set_quantization_tables(table.clone(), table);
            encoder
                .encode(&picture.pixels, 320, 240, ColorType::Rgb)
                .unwrap();
            assert!(
                ours.len() * 100 <= theirs.len() * 101,
                "{} and {}",
                ours.len(),
                theirs.len()
            );
            let [a, b] = [&ours, &theirs].map(|bytes| psnr(&zune(bytes), &picture.pixels));
            assert!(
                a > b - 0.05,
                "quality {quality}, {sampling:?}: {a} and {b} dB"
            );
        }
    }
}

#[test]
fn the_same_picture_gives_the_same_bytes() {
    // Native and WASM builds must agree; a change here changes every rendition.
    let bytes = encode(&planes(&drawing(65, 33), Subsampling::Quarter), 80).unwrap();
    let sum = bytes.iter().fold(0xCBF2_9CE4_8422_2325_u64, |sum, &byte| {
        (sum ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
    });
    assert_eq!((bytes.len(), sum), (767, 1_332_942_532_235_167_365));
}

#[test]
fn grey_stays_grey() {
    let picture = Rgb {
        width: 16,
        height: 16,
        pixels: (0..=255).flat_map(|v| [v; 3]).collect(),
    };
    for subsampling in BOTH {
        let planes = planes(&picture, subsampling);
        assert!(
            planes.planes[1..]
                .iter()
                .all(|plane| plane.samples.iter().all(|&s| s == 128))
        );
        assert_eq!(to_rgb(&planes).unwrap(), picture.pixels);
    }
}

#[test]
fn colours_survive_the_formulas() {
    // A cube of colours, one pixel each.
    let steps = || (0..=255_u8).step_by(15);
    let cube =
        steps().flat_map(|r| steps().flat_map(move |g| steps().flat_map(move |b| [r, g, b])));
    let pixels: Vec<u8> = cube.collect();
    let back = to_rgb(&from_rgb(pixels.len() / 3, 1, &pixels, Subsampling::Full).unwrap()).unwrap();
    assert!(largest_difference(&pixels, &back) <= 2);
}

#[test]
fn planes_that_do_not_fit_are_refused() {
    let refused = |planes: &Planes| matches!(encode(planes, 80), Err(JpegError::NotEncodable(_)));
    let good = planes(&drawing(16, 16), Subsampling::Quarter);
    assert!(!refused(&good));
    let change = |change: fn(&mut Planes)| {
        let mut planes = good.clone();
        change(&mut planes);
        planes
    };
    assert!(refused(&change(|p| p.width = 17)));
    assert!(refused(&change(|p| p.planes[1].width = 5)));
    assert!(refused(&change(|p| p.colour = Colour::Rgb)));
    assert!(refused(&change(|p| p.colour = Colour::Grey)));
    assert!(refused(&change(|p| p.planes[2].samples.truncate(5))));
    assert!(refused(&change(|p| p.planes.truncate(0))));
    assert!(to_rgb(&change(|p| p.planes[2].samples.truncate(5))).is_err());
    assert!(from_rgb(3, 3, &[0; 26], Subsampling::Full).is_err());
}
