//! Attacks with responses that are not read, or that are expensive to produce.

use std::time::Duration;

use futures::future::join_all;
use photolog_tests::http2::{Http2, head};
use photolog_tests::peer::{connect_without_buffer, until_closed};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::connections::hold_many;
use super::siege::Attacker;

/// The number of connections that do not read.
const CONNECTIONS: usize = 60;

/// The target of a rendition that is unlikely to be cached: some megabytes.
fn large_rendition(attacker: &Attacker) -> String {
    let side = 1_600 + attacker.next_number() % 400;
    format!("/images/{}?size={side}x{side}", attacker.target.large)
}

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: x\r\nAccept: image/png\r\n\r\n")
}

async fn connect(attacker: &Attacker) -> std::io::Result<TcpStream> {
    connect_without_buffer(attacker.address(), attacker.target.server).await
}

/// Pipelined requests on each connection, none of whose responses is read.
pub(super) async fn unread_pipelines(attacker: Attacker) {
    const REQUESTS: usize = 20;
    unread(attacker, REQUESTS).await;
}

/// One request on each connection, whose response is not read.
pub(super) async fn unread_answers(attacker: Attacker) {
    unread(attacker, 1).await;
}

async fn unread(attacker: Attacker, requests: usize) {
    hold_many(attacker.share(CONNECTIONS), || async {
        let mut stream = connect(&attacker).await?;
        let requests = (0..requests).map(|_| get(&large_rendition(&attacker)));
        stream
            .write_all(requests.collect::<String>().as_bytes())
            .await?;
        until_reset(&stream).await;
        Ok(())
    })
    .await;
}

/// Waits, without reading, until the other side drops the connection.
async fn until_reset(stream: &TcpStream) {
    // Either kind of end is fine here.
    let _ = stream.ready(tokio::io::Interest::ERROR).await;
}

/// Responses that are read all the time, but far more slowly than they are produced.
pub(super) async fn slow_readers(attacker: Attacker) {
    const PIECE: usize = 48 << 10;
    hold_many(attacker.share(CONNECTIONS), || async {
        let mut stream = connect(&attacker).await?;
        stream
            .write_all(get(&large_rendition(&attacker)).as_bytes())
            .await?;
        let mut piece = vec![0; PIECE];
        loop {
            stream.read_exact(&mut piece).await?;
            tokio::time::sleep(Duration::from_millis(700)).await;
        }
    })
    .await;
}

/// Exports of a history with large events, of which nothing is read.
pub(super) async fn unread_exports(attacker: Attacker) {
    const EVENTS: usize = 40;
    let target = &attacker.target;
    if attacker.is_first() {
        for number in 0..EVENTS {
            write_all_metadata(&attacker, number).await;
        }
    }
    let export = format!(
        "GET /accounts/{}/images/{}/history?format=ndjson HTTP/1.1\r\nHost: x\r\n\
         Authorization: {}\r\n\r\n",
        target.account, target.image, target.authorization
    );
    hold_many(attacker.share(256), || async {
        let mut stream = connect(&attacker).await?;
        stream.write_all(export.as_bytes()).await?;
        until_reset(&stream).await;
        Ok(())
    })
    .await;
}

/// As much metadata as an image may have, in one event.
async fn write_all_metadata(attacker: &Attacker, number: usize) {
    let value = format!("{number} {}", "\u{1F600}".repeat(250));
    let entries: Vec<_> = (0..128)
        .map(|key| format!("\"key{key}\": \"{value}\""))
        .collect();
    let body = format!("{{\"metadata\": {{{}}}}}", entries.join(","));
    let request = format!(
        "PUT /v2.1/images/{}/metadata HTTP/1.1\r\nHost: x\r\nX-Auth-Token: {}\r\n\
         Content-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        attacker.target.image,
        attacker.target.token,
        body.len()
    );
    let _ = attacker.exchange(request.as_bytes()).await;
}

/// Responses on all streams of a connection, into a window of no bytes. Pings are acknowledged.
pub(super) async fn closed_windows(attacker: Attacker) {
    const STREAMS: usize = 100;
    hold_many(attacker.share(32), || async {
        let mut connection = Http2::begin(attacker.connect().await?, 0).await?;
        for _ in 0..STREAMS {
            let target = large_rendition(&attacker);
            let head = head("GET", &target, &[("accept", "image/png")]);
            connection.request(&head, true).await?;
        }
        connection.until_closed().await;
        Ok(())
    })
    .await;
}

/// Renditions in sizes that were never requested, by clients without credentials.
pub(super) async fn distinct_sizes(attacker: Attacker) {
    loop {
        let number = attacker.next_number();
        let (width, height) = (200 + number % 1_800, 200 + number / 1_800 * 7 % 1_800);
        let accept = ["image/png", "image/webp", "image/jpeg"][number as usize % 3];
        let request = format!(
            "GET /images/{}?size={width}x{height} HTTP/1.1\r\nHost: x\r\nAccept: {accept}\r\n\
             Connection: close\r\n\r\n",
            attacker.target.large
        );
        // Refusals are expected.
        let _ = attacker.exchange(request.as_bytes()).await;
        tokio::time::sleep(super::FLOOD_PAUSE).await;
    }
}

/// The head of a live feed of the attackers' account.
fn feed(attacker: &Attacker) -> String {
    format!(
        "GET /accounts/{}/events HTTP/1.1\r\nHost: x\r\nAuthorization: {}\r\n\
         Accept: text/event-stream\r\n\r\n",
        attacker.target.account, attacker.target.authorization
    )
}

/// Live feeds of one key, all of them read.
pub(super) async fn feeds(attacker: Attacker) {
    hold_many(attacker.share(1_200), || async {
        let mut stream = attacker.connect().await?;
        stream.write_all(feed(&attacker).as_bytes()).await?;
        until_closed(&mut stream).await;
        Ok(())
    })
    .await;
}

/// Live feeds that are not read, of an account with many events.
pub(super) async fn unread_feeds(attacker: Attacker) {
    let listen = hold_many(attacker.share(256), || async {
        let mut stream = connect(&attacker).await?;
        stream.write_all(feed(&attacker).as_bytes()).await?;
        until_reset(&stream).await;
        Ok(())
    });
    let write = async {
        while attacker.is_first() {
            join_all((0..4).map(|_| write(&attacker))).await;
        }
    };
    tokio::join!(listen, write);
}

/// Writes an event of some size.
async fn write(attacker: &Attacker) {
    let body = format!("{{\"altText\": \"{}\"}}", attacker.next_number());
    let request = format!(
        "PUT /accounts/{}/images/{}/metadata HTTP/1.1\r\nHost: x\r\nAuthorization: {}\r\n\
         Content-Type: application/json\r\nX-Photolog-Reason: {}\r\nConnection: close\r\n\
         Content-Length: {}\r\n\r\n{body}",
        attacker.target.account,
        attacker.target.image,
        attacker.target.authorization,
        "because ".repeat(60),
        body.len()
    );
    let _ = attacker.exchange(request.as_bytes()).await;
}
