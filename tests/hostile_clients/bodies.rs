//! Attacks with slow bodies: one byte every nine seconds satisfies any limit on pauses.

use std::time::Duration;

use photolog_tests::http2::{END_HEADERS, Http2, Kind, frame, head};
use photolog_tests::peer::until_closed;
use tokio::io::AsyncWriteExt;

use super::connections::hold_many;
use super::siege::Attacker;

const CONNECTIONS: usize = 1_024;
const PAUSE: Duration = Duration::from_secs(9);
/// An image that does not exist.
const NOBODYS: &str = "00000000-0000-4000-8000-000000000000";

/// Requests with this head, whose bodies trickle in.
async fn trickle(attacker: Attacker, request: String) {
    hold_many(attacker.share(CONNECTIONS), || async {
        let mut stream = attacker.connect().await?;
        stream.write_all(request.as_bytes()).await?;
        let (mut incoming, mut outgoing) = stream.split();
        let send = async {
            while outgoing.write_all(b"-").await.is_ok() {
                tokio::time::sleep(PAUSE).await;
            }
        };
        tokio::select! {
            () = send => {}
            () = until_closed(&mut incoming) => {}
        }
        Ok(())
    })
    .await;
}

/// Log-ins.
pub(super) async fn tokens(attacker: Attacker) {
    let request = "POST /oauth2/token HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
                   Content-Length: 1000\r\n\r\n";
    trickle(attacker, request.to_owned()).await;
}

fn upload(attacker: &Attacker, authorization: &str) -> String {
    format!(
        "POST /accounts/{}/images HTTP/1.1\r\nHost: x\r\n{authorization}\
         Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 10000000\r\n\r\n",
        attacker.target.account
    )
}

/// Uploads without valid credentials.
pub(super) async fn uploads_by_strangers(attacker: Attacker) {
    let request = upload(&attacker, "");
    trickle(attacker, request).await;
}

/// Uploads with valid credentials.
pub(super) async fn uploads(attacker: Attacker) {
    let authorization = format!("Authorization: {}\r\n", attacker.target.authorization);
    let request = upload(&attacker, &authorization);
    trickle(attacker, request).await;
}

/// Writes signed with a key that does not exist: the body is part of what is signed.
pub(super) async fn signed_by_unknown_key(attacker: Attacker) {
    let now = time::OffsetDateTime::now_utc();
    let date = now.format(&time::format_description::well_known::Rfc2822);
    let request = format!(
        "PUT /files/{NOBODYS}/metadata/k/ HTTP/1.1\r\nHost: x\r\nDate: {}\r\n\
         Accept: application/vnd.uploadcare-v0.7+json\r\n\
         Authorization: Uploadcare plk_aaaaaaaaaaaaaaaa:{}\r\nContent-Length: 1000\r\n\r\n",
        date.unwrap(),
        "00".repeat(20),
    );
    trickle(attacker, request).await;
}

/// As many log-ins as fit into the streams of nine HTTP/2 connections.
pub(super) async fn streams(attacker: Attacker) {
    const CONNECTIONS: usize = 9;
    const STREAMS: usize = 120;
    let login = head(
        "POST",
        "/oauth2/token",
        &[("content-type", "application/json")],
    );
    hold_many(attacker.share(CONNECTIONS), || async {
        let mut connection = Http2::begin(attacker.connect().await?, 65_535).await?;
        let mut streams = Vec::new();
        for _ in 0..STREAMS {
            streams.push(connection.request(&login, false).await?);
        }
        loop {
            for stream in &mut streams {
                connection
                    .send(&frame(Kind::Data, 0, *stream, b"-"))
                    .await?;
            }
            let until = tokio::time::Instant::now() + PAUSE;
            while let Ok(frame) = tokio::time::timeout_at(until, connection.next_frame()).await {
                // Streams that ended are opened again.
                let frame = frame?;
                let ended = streams.iter().position(|stream| *stream == frame.stream);
                if let Some(ended) = ended.filter(|_| frame.is_an_end()) {
                    streams[ended] = connection.request(&login, false).await?;
                }
            }
        }
    })
    .await;
}

/// Heads of HTTP/2 requests, 64 KiB each, held open by an unfinished body on all streams.
pub(super) async fn streams_with_large_heads(attacker: Attacker) {
    const STREAMS: usize = 128;
    /// A frame may have 16 KiB, unless the other side allows more.
    const FRAME: usize = 16_000;
    let text = "x".repeat(7_000);
    let names: Vec<_> = (0..8).map(|number| format!("x-{number}")).collect();
    let fields: Vec<_> = names
        .iter()
        .map(|name| (name.as_str(), text.as_str()))
        .collect();
    let block = head("POST", "/oauth2/token", &fields);
    hold_many(attacker.share(32), || async {
        let mut connection = Http2::begin(attacker.connect().await?, 65_535).await?;
        for stream in (0..STREAMS as u32).map(|number| 2 * number + 1) {
            let pieces: Vec<_> = block.chunks(FRAME).collect();
            for (place, piece) in pieces.iter().enumerate() {
                let kind = if place == 0 {
                    Kind::Headers
                } else {
                    Kind::Continuation
                };
                let flags = if place + 1 == pieces.len() {
                    END_HEADERS
                } else {
                    0
                };
                connection.send(&frame(kind, flags, stream, piece)).await?;
            }
        }
        connection.until_closed().await;
        Ok(())
    })
    .await;
}
