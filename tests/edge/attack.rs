//! Clients that attack the edge's memory: many request distinct sizes of huge pictures at once, and
//! do not read the responses. The program stays small, no other client is refused, and all memory
//! is freed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use futures::future::join_all;
use image::{DynamicImage, ImageFormat};
use photolog_tests::edge::Edge;
use photolog_tests::pictures::{encoded, png_of};
use reqwest::StatusCode;
use reqwest::header::{ACCEPT, RETRY_AFTER};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use super::hostile::Master;
use super::memory::noise;

/// The limit of workerd's memory, the cache's share included.
const CEILING_BYTES: u64 = 300 << 20;
const CLIENTS: u32 = 24;
const REQUESTS: u32 = 10;
const PICTURES: u32 = 6;
const SIDE: u32 = 2_048;
/// The time in which a client that reads nothing has been refused by the queue (5 s), or served and
/// cut off (8 s for a piece, after those that fitted into the kernel's buffers).
const DECIDED: Duration = Duration::from_secs(30);
const PATIENCE: Duration = Duration::from_secs(60);

/// Incompressible pictures, at `/images/{link(seed)}`.
fn show_noise(edge: &Edge) {
    let masters = (0..PICTURES).map(|seed| {
        let pixels = DynamicImage::from(noise(SIDE, SIDE, seed)).into_rgb8();
        Master::new(encoded(pixels, ImageFormat::Png), "image/png", SIDE)
    });
    let masters: Vec<_> = masters.collect();
    edge.gate.judge(move |path| {
        let of_noise = (0..PICTURES)
            .zip(&masters)
            .find(|(seed, master)| path.ends_with(&link(*seed)) || path.ends_with(&master.digest));
        match of_noise {
            Some((_, master)) => master.answer(path),
            None => photolog_tests::gate::Verdict::Pass,
        }
    });
}

fn link(seed: u32) -> String {
    format!("abcdefghij_-ABCDEFGH{seed}")
}

/// Reads a picture from the edge's cache repeatedly until `ended`; returns how often.
async fn read_kept(edge: &Edge, path: &str, ended: impl Future<Output = ()>) -> u32 {
    let reads = AtomicU32::new(0);
    let reading = async {
        loop {
            let answer = edge.get(path).await;
            assert_eq!(answer.status(), StatusCode::OK, "a picture that is kept");
            answer.bytes().await.unwrap();
            reads.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::select! {
        () = reading => {}
        () = ended => {}
    }
    reads.into_inner()
}

#[tokio::test(flavor = "multi_thread")]
async fn distinct_sizes_of_huge_pictures_take_no_more_memory_than_there_is() {
    let edge = Arc::new(Edge::start().await);
    let kept = format!("/images/{}?size=40x40", edge.link(png_of(64, 43, 1)).await);
    assert_eq!(edge.get(&kept).await.status(), StatusCode::OK);
    show_noise(&edge);
    let shown = Arc::new(AtomicU32::new(0));
    let clients = join_all((0..CLIENTS).map(|client| {
        let (edge, shown) = (edge.clone(), shown.clone());
        tokio::spawn(async move {
            for request in 0..REQUESTS {
                let number = client * REQUESTS + request;
                let size = 1 + (number * 389) % (SIDE - 1);
                let link = link(number % PICTURES);
                let url = format!("{}/images/{link}?size={size}x{size}", edge.url);
                let answer = edge.client.get(url).header(ACCEPT, "image/png");
                let answer = answer.send().await.unwrap();
                if answer.status() == StatusCode::OK {
                    answer.bytes().await.unwrap();
                    shown.fetch_add(1, Ordering::Relaxed);
                } else {
                    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
                    assert!(answer.headers().contains_key(RETRY_AFTER));
                }
            }
        })
    }));
    let ended = async {
        for client in clients.await {
            client.unwrap();
        }
    };
    let reads = read_kept(&edge, &kept, ended).await;
    let peak = edge.peak_memory();
    assert!(reads > 0 && shown.load(Ordering::Relaxed) > 0);
    assert!(peak <= CEILING_BYTES, "{} MiB", peak >> 20);
    assert!(!edge.log().contains("trap:"), "{}", edge.log());
    // Everything that was taken has been given back.
    let fresh = format!("/images/{}?size=1500x1500", link(0));
    assert_eq!(edge.get(&fresh).await.status(), StatusCode::OK);
}

/// Data that the client does not read must not fit into its own kernel's buffer.
async fn connection_that_takes_little(address: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(16 * 1024).unwrap();
    socket.connect(address.parse().unwrap()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_read_nothing_are_cut_off() {
    let edge = Edge::start().await;
    let kept = format!("/images/{}?size=40x40", edge.link(png_of(64, 43, 1)).await);
    assert_eq!(edge.get(&kept).await.status(), StatusCode::OK);
    show_noise(&edge);
    let address = edge.url.trim_start_matches("http://");
    let mut silent = Vec::new();
    for client in 0..CLIENTS {
        let mut connection = connection_that_takes_little(address).await;
        let (link, size) = (link(client % PICTURES), 1_600 + client);
        let head = format!(
            "GET /images/{link}?size={size}x{size} HTTP/1.1\r\nHost: edge\r\n\
             Connection: close\r\nAccept: image/png\r\n\r\n"
        );
        connection.write_all(head.as_bytes()).await.unwrap();
        silent.push(connection);
    }
    let began = Instant::now();
    let large = format!("/images/{}?size=1500x1500", link(0));
    let large_is_shown = async {
        while edge.get(&large).await.status() != StatusCode::OK {
            assert!(began.elapsed() < PATIENCE, "they hold on to what they have");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    assert!(read_kept(&edge, &kept, large_is_shown).await > 0);
    let peak = edge.peak_memory();
    assert!(peak <= CEILING_BYTES, "{} MiB", peak >> 20);
    // None of them was served in full. Reading earlier would be reading in time.
    tokio::time::sleep(DECIDED.saturating_sub(began.elapsed())).await;
    for mut connection in silent {
        let mut answer = Vec::new();
        let _ = tokio::time::timeout(PATIENCE, connection.read_to_end(&mut answer)).await;
        let head = String::from_utf8_lossy(&answer[..answer.len().min(400)]);
        let length = head.split_once("Content-Length: ").and_then(|(_, rest)| {
            let digits = rest.split(|byte: char| !byte.is_ascii_digit()).next()?;
            digits.parse::<usize>().ok()
        });
        let is_refusal = head.starts_with("HTTP/1.1 503");
        assert!(
            is_refusal || length.is_some_and(|length| answer.len() < length),
            "{head}"
        );
    }
}
