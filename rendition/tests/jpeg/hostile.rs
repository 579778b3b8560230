//! Any bytes give an error or a picture, never a panic, and a truncated file never gives a picture.

use crate::support::{decodable, fixture};
use photolog_rendition::jpeg::{Header, JpegError, Scale, decode, to_rgb};
use proptest::prelude::*;

const SOME_SCALES: [Scale; 4] = [Scale::FULL, Scale::HALF, Scale::QUARTER, Scale::EIGHTH];

fn try_all(bytes: &[u8]) {
    // A mutation may make a header of a hundred megapixels, which callers must refuse.
    if Header::parse(bytes).is_ok_and(|header| header.width * header.height <= 1 << 18) {
        for scale in SOME_SCALES {
            if let Ok(planes) = decode(bytes, scale) {
                to_rgb(&planes).unwrap();
            }
        }
    }
}

#[test]
fn every_cut_is_noticed() {
    for name in decodable() {
        let bytes = fixture(&name);
        for length in 0..bytes.len() - 2 {
            for scale in SOME_SCALES {
                assert!(
                    decode(&bytes[..length], scale).is_err(),
                    "{name} cut to {length} bytes"
                );
            }
        }
        // Only the end marker is missing.
        assert!(
            decode(&bytes[..bytes.len() - 2], Scale::FULL).is_ok(),
            "{name}"
        );
        let longer = [&bytes[..], b"after the end"].concat();
        assert!(decode(&longer, Scale::FULL).is_ok(), "{name}");
    }
}

#[test]
fn a_scan_cut_short_by_a_marker_is_corrupt() {
    let mut bytes = fixture("sequential_420.jpg");
    let middle = bytes.len() - 200;
    bytes.splice(middle..bytes.len() - 2, []);
    assert!(matches!(
        decode(&bytes, Scale::FULL),
        Err(JpegError::Corrupt(_))
    ));
}

#[test]
fn restart_markers_out_of_order_are_corrupt() {
    let mut bytes = fixture("sequential_420_restarts.jpg");
    let marker = bytes
        .windows(2)
        .rposition(|pair| pair == [0xFF, 0xD1])
        .unwrap();
    bytes[marker + 1] = 0xD4;
    assert!(matches!(
        decode(&bytes, Scale::FULL),
        Err(JpegError::Corrupt(_))
    ));
}

#[test]
fn a_huge_header_takes_no_memory() {
    let mut bytes = fixture("sequential_420.jpg");
    let frame = bytes
        .windows(2)
        .position(|pair| pair == [0xFF, 0xC0])
        .unwrap();
    bytes[frame + 5..frame + 9].fill(0xFF);
    assert_eq!(decode(&bytes, Scale::FULL), Err(JpegError::Truncated));
}

#[test]
fn flipped_bits_are_survived() {
    for name in decodable() {
        let bytes = fixture(&name);
        let mut changed = bytes.clone();
        for place in 0..bytes.len() {
            // A different bit of each byte; all bits would take minutes without further benefit.
            changed[place] ^= 1 << (place % 8);
            try_all(&changed);
            changed[place] = bytes[place];
        }
    }
}

proptest! {
    #[test]
    fn random_bytes_are_survived(mut bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        try_all(&bytes);
        bytes.splice(0..0, [0xFF, 0xD8]);
        try_all(&bytes);
    }

    #[test]
    fn random_damage_is_survived(
        which in any::<prop::sample::Index>(),
        places in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        cut in any::<prop::sample::Index>(),
    ) {
        let names = decodable();
        let mut bytes = fixture(&names[which.index(names.len())]);
        for (place, value) in places {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        try_all(&bytes);
        bytes.remove(cut.index(bytes.len()));
        try_all(&bytes);
    }
}
