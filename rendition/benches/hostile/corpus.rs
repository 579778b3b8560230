//! The files: some by design, any number at random.

use std::sync::OnceLock;

use super::noise::Noise;
use super::png::{Bits, Content, Packing, chunk, zlib};
use super::{jpeg, png, webp};

/// The most bytes of an upload.
const MOST_BYTES: usize = 16 << 20;

/// A recipe for a file, the same each time.
#[derive(Clone, Debug)]
pub(crate) enum Case {
    Png(png::Recipe),
    Jpeg(jpeg::Recipe),
    Lossless(webp::Lossless),
    /// With the second picture as alpha.
    Lossy {
        width: u32,
        height: u32,
        payload: usize,
        head: Vec<u8>,
        alpha: Option<webp::Lossless>,
    },
    Special(&'static str, fn() -> Vec<u8>),
}

impl Case {
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Png(recipe) => format!(
                "PNG {}x{} {}x{} {}{:?} {:?} {:?} {}",
                recipe.width,
                recipe.height,
                recipe.colour,
                recipe.depth,
                if recipe.interlaced { "interlaced " } else { "" },
                recipe.filter,
                recipe.content,
                recipe.packing,
                recipe.chunk,
            ),
            Self::Jpeg(recipe) => format!(
                "JPEG {}x{} {}x{:x}{}{}{}{} {}",
                recipe.width,
                recipe.height,
                recipe.components,
                recipe.sampling,
                if recipe.progressive {
                    " progressive"
                } else {
                    ""
                },
                if recipe.full { " full" } else { "" },
                if recipe.long_codes { " long" } else { "" },
                if recipe.restarts { " restarts" } else { "" },
                recipe.refinements,
            ),
            Self::Lossless(recipe) => format!(
                "VP8L {}x{} a{} p{:?} c{:?} g{} i{:?} k{:?} {}x{} {}",
                recipe.width,
                recipe.height,
                u8::from(recipe.has_alpha),
                recipe.predictor,
                recipe.colour,
                u8::from(recipe.subtract_green),
                recipe.palette,
                recipe.cache_bits,
                recipe.groups,
                recipe.longest,
                recipe.payload,
            )
            .replace("Some", ""),
            Self::Lossy {
                width,
                height,
                payload,
                head,
                alpha,
            } => format!(
                "VP8 {width}x{height} {payload} head {} alpha {}",
                head[0],
                u8::from(alpha.is_some())
            ),
            Self::Special(name, _) => (*name).to_owned(),
        }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut noise = Noise::new(1);
        let mut bytes = match self {
            Self::Png(recipe) => recipe.make(&mut noise),
            Self::Jpeg(recipe) => recipe.make(&mut noise),
            Self::Lossless(recipe) => webp::file(&[(b"VP8L", &recipe.make(&mut noise))]),
            Self::Lossy {
                width,
                height,
                payload,
                head,
                alpha,
            } => {
                let data = webp::lossy(*width, *height, *payload, head, &mut noise);
                match alpha {
                    None => webp::file(&[(b"VP8 ", &data)]),
                    Some(recipe) => {
                        let mut bits = Bits::default();
                        bits.put(0b1101, 8);
                        recipe.body(&mut bits, &mut noise);
                        let head = webp::extended(0x10, *width, *height);
                        let alpha = bits.finish();
                        webp::file(&[(b"VP8X", &head), (b"ALPH", &alpha), (b"VP8 ", &data)])
                    }
                }
            }
            Self::Special(_, make) => make(),
        };
        bytes.truncate(MOST_BYTES);
        bytes
    }
}

/// Files that are expensive by design.
pub(crate) fn by_design() -> Vec<Case> {
    let mut cases = Vec::new();
    for (width, height) in [(2_048, 2_048), (5_000, 5_000), (10_000, 10_000)] {
        for (colour, depth) in [(0, 1), (2, 8), (3, 8), (4, 16), (6, 8), (6, 16)] {
            cases.push(Case::Png(png::Recipe {
                colour,
                depth,
                ..png::Recipe::plain(width, height)
            }));
        }
        for packing in [Packing::TinyBlocks, Packing::EmptyBlocks] {
            cases.push(Case::Png(png::Recipe {
                packing,
                content: Content::Flat,
                ..png::Recipe::plain(width, height)
            }));
        }
    }
    for (colour, depth) in [(0, 1), (3, 8), (6, 8), (6, 16)] {
        cases.push(Case::Png(png::Recipe {
            colour,
            depth,
            interlaced: true,
            ..png::Recipe::plain(4_000, 3_000)
        }));
    }
    cases.push(Case::Png(png::Recipe {
        content: Content::Noise,
        packing: Packing::Stored,
        chunk: 256,
        turned: true,
        colour: 6,
        ..png::Recipe::plain(2_000, 2_000)
    }));
    for (width, height) in [
        (2_048, 2_048),
        (5_000, 5_000),
        (7_000, 7_000),
        (10_000, 10_000),
    ] {
        for (components, sampling) in [(1, 0x11), (3, 0x11), (3, 0x22), (4, 0x11), (3, 0x41)] {
            let plain = jpeg::Recipe {
                components,
                sampling,
                ..jpeg::Recipe::plain(width, height)
            };
            cases.push(Case::Jpeg(plain));
            for full in [false, true] {
                cases.push(Case::Jpeg(jpeg::Recipe {
                    progressive: true,
                    refinements: 62,
                    long_codes: !full,
                    full,
                    ..plain
                }));
            }
            cases.push(Case::Jpeg(jpeg::Recipe {
                restarts: true,
                full: false,
                long_codes: true,
                turned: true,
                ..plain
            }));
        }
    }
    for (width, height) in [(2_048, 2_048), (4_000, 4_000), (7_000, 7_000)] {
        for longest in [0, 1, 4, 15] {
            cases.push(Case::Lossless(webp::Lossless {
                longest,
                predictor: Some(2),
                colour: Some(2),
                subtract_green: true,
                cache_bits: Some(11),
                has_alpha: true,
                payload: 10 << 20,
                ..webp::Lossless::plain(width, height)
            }));
        }
    }
    for groups in [1_000, 8_192, 65_535] {
        for longest in [0, 1, 8, 10, 15] {
            cases.push(Case::Lossless(webp::Lossless {
                longest,
                groups,
                cache_bits: Some(11),
                payload: 1 << 20,
                ..webp::Lossless::plain(64, 64)
            }));
        }
    }
    for head in webp::lossy_heads(12) {
        cases.push(Case::Lossy {
            width: 4_000,
            height: 3_100,
            payload: 15 << 20,
            head: head.clone(),
            alpha: None,
        });
        cases.push(Case::Lossy {
            width: 3_000,
            height: 2_500,
            payload: 9 << 20,
            head,
            alpha: Some(webp::Lossless {
                payload: 6 << 20,
                longest: 1,
                predictor: Some(3),
                ..webp::Lossless::plain(3_000, 2_500)
            }),
        });
    }
    cases.extend(specials());
    cases
}

/// Files of many parts, and profiles that inflate.
fn specials() -> [Case; 11] {
    [
        Case::Special("PNG, profile of 15 MiB that inflates to 15 GiB", || {
            profiled(|out| zeros_zlib(out, 15 << 20))
        }),
        Case::Special("PNG, profile of 4 MiB in blocks of nothing", || {
            profiled(|out| empty_blocks(out, (4 << 20) - 100))
        }),
        Case::Special("PNG, 15 MiB of empty blocks, 64 pixels", || {
            let mut data = vec![0x78, 0x01];
            empty_blocks(&mut data, 15 << 20);
            png_of(8, 8, &[(b"IDAT", &data)])
        }),
        Case::Special("PNG, a million chunks", || {
            let empty: Vec<(&[u8; 4], &[u8])> = vec![(b"teXt", b""); 1_300_000];
            png_of(8, 8, &empty)
        }),
        Case::Special("PNG, 60,000 chunks of pixels", || {
            let rows = vec![0; 2_001 * 1_900];
            let mut packed = vec![0x78, 0x01];
            for part in rows.chunks(64) {
                packed.extend([0, part.len() as u8, 0, !(part.len() as u8), 0xFF]);
                packed.extend(part);
            }
            let parts: Vec<(&[u8; 4], &[u8])> =
                packed.chunks(69).map(|part| (b"IDAT", part)).collect();
            png_of(2_000, 1_900, &parts[..60_000.min(parts.len())])
        }),
        Case::Special("JPEG, segments of nothing", || jpeg_flood(0xE5, &[])),
        Case::Special("JPEG, Huffman tables", || {
            jpeg_flood(0xC4, &[0; 17 * 3_800])
        }),
        Case::Special("JPEG, fill bytes", || {
            jpeg_prefixed(&[0xFF; MOST_BYTES - (1 << 16)])
        }),
        Case::Special("JPEG, markers of nothing", || {
            jpeg_prefixed(&[0xFF, 0xD8].repeat((MOST_BYTES >> 1) - (1 << 15)))
        }),
        Case::Special("JPEG, stuffed zeros between segments", || {
            jpeg_prefixed(&[0xFF, 0x00].repeat((MOST_BYTES >> 1) - (1 << 15)))
        }),
        Case::Special("WebP, two million chunks", || {
            let head = webp::extended(0, 16, 16);
            let mut chunks: Vec<(&[u8; 4], &[u8])> = vec![(b"VP8X", &head)];
            chunks.resize(2_000_000, (b"JUNK", b""));
            webp::file(&chunks)
        }),
    ]
}

fn jpeg_flood(marker: u8, payload: &[u8]) -> Vec<u8> {
    let mut segments = Vec::new();
    while segments.len() + payload.len() + (1 << 17) < MOST_BYTES {
        jpeg::segment(&mut segments, marker, payload);
    }
    jpeg_prefixed(&segments)
}

/// A JPEG with extra bytes between its first marker and its others.
fn jpeg_prefixed(bytes: &[u8]) -> Vec<u8> {
    let good = jpeg::Recipe::plain(64, 64).make(&mut Noise::new(3));
    [&good[..2], bytes, &good[2..]].concat()
}

fn profiled(fill: fn(&mut Vec<u8>)) -> Vec<u8> {
    let mut profile = b"x\0\0\x78\x01".to_vec();
    fill(&mut profile);
    let rows = zlib(&[0; 8 * 25], 9);
    png_of(8, 8, &[(b"iCCP", &profile), (b"IDAT", &rows)])
}

fn zeros_zlib(out: &mut Vec<u8>, length: usize) {
    let megabyte = zlib(&vec![0; 64 << 20], 9);
    // Bytes after the end of a stream are ignored, so this makes a stream of this length, all of it
    // runs.
    while out.len() < length {
        out.extend(&megabyte[2..megabyte.len() - 8]);
    }
}

/// Empty blocks with fixed codes.
fn empty_blocks(out: &mut Vec<u8>, length: usize) {
    let mut bits = Bits::default();
    for _ in 0..length * 8 / 10 {
        bits.put(0b010, 3);
        bits.put(0, 7);
    }
    out.extend(bits.finish());
}

fn png_of(width: u32, height: u32, chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    let header = [
        &width.to_be_bytes()[..],
        &height.to_be_bytes(),
        &[8, 0, 0, 0, 0],
    ]
    .concat();
    chunk(&mut file, b"IHDR", &header);
    for (kind, data) in chunks {
        chunk(&mut file, kind, data);
    }
    chunk(&mut file, b"IEND", b"");
    file
}

/// Any file of the kinds above.
pub(crate) fn random(noise: &mut Noise) -> Case {
    let most = one_of(noise, &[1_000, 3_000, 8_000, 16_384]);
    let (width, height) = (1 + noise.below(most), 1 + noise.below(most));
    let flag = |noise: &mut Noise| noise.below(2) == 0;
    match noise.below(4) {
        0 => {
            let (colour, depth) = one_of(
                noise,
                &[
                    (0, 1),
                    (0, 8),
                    (2, 8),
                    (2, 16),
                    (3, 4),
                    (3, 8),
                    (4, 8),
                    (6, 8),
                    (6, 16),
                ],
            );
            Case::Png(png::Recipe {
                width: width as u32,
                height: height as u32,
                depth,
                colour,
                interlaced: flag(noise),
                filter: one_of(noise, &[None, Some(0), Some(1), Some(2), Some(3), Some(4)]),
                content: one_of(noise, &[Content::Flat, Content::Repeated]),
                packing: one_of(
                    noise,
                    &[
                        Packing::Stored,
                        Packing::Deflate(1),
                        Packing::Deflate(9),
                        Packing::TinyBlocks,
                    ],
                ),
                chunk: one_of(noise, &[300, 8_192, 1 << 20]),
                turned: flag(noise),
            })
        }
        1 => Case::Jpeg(jpeg::Recipe {
            width: width as u16,
            height: height as u16,
            components: one_of(noise, &[1, 3, 3, 4]),
            sampling: one_of(noise, &[0x11, 0x22, 0x21, 0x12, 0x41, 0x14, 0x42]),
            progressive: flag(noise),
            full: flag(noise),
            long_codes: flag(noise),
            restarts: flag(noise),
            refinements: noise.below(63),
            turned: flag(noise),
        }),
        2 => Case::Lossless(random_lossless(noise, width as u32, height as u32)),
        _ => {
            static HEADS: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
            let heads = HEADS.get_or_init(|| webp::lossy_heads(30));
            let alpha = flag(noise).then(|| {
                random_lossless(noise, width.min(16_383) as u32, height.min(16_383) as u32)
            });
            let room = (15 << 20) - alpha.map_or(0, |alpha| alpha.payload);
            Case::Lossy {
                width: width.min(16_383) as u32,
                height: height.min(16_383) as u32,
                payload: noise.below(room.max(1)),
                head: heads[noise.below(heads.len())].clone(),
                alpha,
            }
        }
    }
}

fn random_lossless(noise: &mut Noise, width: u32, height: u32) -> webp::Lossless {
    let size = |noise: &mut Noise| (noise.below(2) == 0).then(|| 2 + noise.below(8) as u32);
    webp::Lossless {
        width,
        height,
        has_alpha: noise.below(2) == 0,
        predictor: size(noise),
        colour: size(noise),
        subtract_green: noise.below(2) == 0,
        palette: one_of(noise, &[None, None, Some(2), Some(16), Some(200)]),
        cache_bits: one_of(noise, &[None, Some(1), Some(11)]),
        groups: one_of(noise, &[1, 1, 2, 300, 65_535]),
        longest: one_of(noise, &[0, 1, 2, 4, 7, 8, 9, 12, 15]),
        payload: noise.below(10 << 20),
    }
}

fn one_of<T: Copy>(noise: &mut Noise, values: &[T]) -> T {
    values[noise.below(values.len())]
}
