//! Attacks with pictures that are more expensive to decode than to send, all by one tenant.

use std::sync::OnceLock;

use photolog_tests::hostile_pictures::{
    png_of_one_shade, png_with_profile_of, webp_of_one_colour, with_note,
};
use photolog_tests::pictures::png_bomb;

use super::siege::{Attacker, noisy_picture};

/// The side of a square of 100 megapixels.
const SIDE: u32 = 10_000;

/// WebP files of fifty bytes that really hold a hundred megapixels.
pub(super) async fn webp_of_100_megapixels(attacker: Attacker) {
    upload_all(attacker, |_, seed| webp_of_one_colour(SIDE, SIDE, seed)).await;
}

/// Rows that deflate to a thousandth, complete and truncated.
pub(super) async fn png_bombs(attacker: Attacker) {
    upload_all(attacker, |_, seed| {
        if seed.is_multiple_of(2) {
            with_note(grey_png(), seed)
        } else {
            with_note(&png_bomb(SIDE, SIDE), seed)
        }
    })
    .await;
}

/// Colour profiles that inflate without end.
pub(super) async fn profile_bombs(attacker: Attacker) {
    upload_all(attacker, |attacker, seed| {
        with_note(profile_png(attacker), seed)
    })
    .await;
}

/// The worst of each kind in turn, as fast as they are taken.
pub(super) async fn worst_pictures(attacker: Attacker) {
    upload_all(attacker, |attacker, seed| match seed % 5 {
        0 => webp_of_one_colour(SIDE, SIDE, seed),
        1 => with_note(grey_png(), seed),
        2 => with_note(profile_png(attacker), seed),
        3 => progressive_jpeg(seed),
        _ => with_note(noisy_picture(), seed),
    })
    .await;
}

/// The same picture again and again: after the first upload it already exists.
pub(super) async fn duplicates(attacker: Attacker) {
    upload_all(attacker, |_, _| noisy_picture().to_vec()).await;
}

async fn upload_all(attacker: Attacker, picture: fn(&Attacker, u32) -> Vec<u8>) {
    loop {
        let making = attacker.clone();
        let make = move || form(&making, &picture(&making, making.next_number()));
        // Some take seconds to make, which must not block the other attackers.
        let request = tokio::task::spawn_blocking(make).await.unwrap();
        // Refusals are expected.
        let _ = attacker.exchange(&request).await;
        tokio::time::sleep(super::FLOOD_PAUSE).await;
    }
}

fn form(attacker: &Attacker, picture: &[u8]) -> Vec<u8> {
    const BEFORE: &str =
        "--b\r\nContent-Disposition: form-data; name=\"image\"; filename=\"p\"\r\n\r\n";
    const AFTER: &str = "\r\n--b--\r\n";
    let length = BEFORE.len() + picture.len() + AFTER.len();
    let head = format!(
        "POST /accounts/{}/images HTTP/1.1\r\nHost: x\r\nAuthorization: {}\r\n\
         Content-Type: multipart/form-data; boundary=b\r\nConnection: close\r\n\
         Content-Length: {length}\r\n\r\n",
        attacker.target.account, attacker.target.authorization
    );
    [
        head.as_bytes(),
        BEFORE.as_bytes(),
        picture,
        AFTER.as_bytes(),
    ]
    .concat()
}

fn grey_png() -> &'static [u8] {
    static PICTURE: OnceLock<Vec<u8>> = OnceLock::new();
    PICTURE.get_or_init(|| png_of_one_shade(SIDE))
}

fn profile_png(attacker: &Attacker) -> &'static [u8] {
    static PICTURE: OnceLock<Vec<u8>> = OnceLock::new();
    PICTURE.get_or_init(|| png_with_profile_of(attacker.target.scale.profile_bytes))
}

/// Nine megapixels in many scans, each of which covers all of them.
fn progressive_jpeg(seed: u32) -> Vec<u8> {
    const SIDE: u16 = 3_000;
    static PICTURE: OnceLock<Vec<u8>> = OnceLock::new();
    let mut picture = PICTURE
        .get_or_init(|| {
            let pixels: Vec<u8> = (0..usize::from(SIDE) * usize::from(SIDE))
                .map(|place| ((place * place) >> 7) as u8)
                .collect();
            let mut bytes = Vec::new();
            let mut encoder = jpeg_encoder::Encoder::new(&mut bytes, 80);
            encoder.set_progressive(true);
            let encoded = encoder.encode(&pixels, SIDE, SIDE, jpeg_encoder::ColorType::Luma);
            encoded.unwrap();
            bytes
        })
        .clone();
    // Trailing bytes change the file, not the picture.
    picture.extend_from_slice(&seed.to_be_bytes());
    picture
}
