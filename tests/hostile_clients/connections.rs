//! Attacks with connections that do nothing, or hardly anything.

use std::time::Duration;

use futures::future::join_all;
use photolog_tests::http2::{Http2, PREFACE};
use photolog_tests::peer::until_closed;
use tokio::io::AsyncWriteExt;

use super::siege::Attacker;

/// The pause before a closed connection is opened again.
const PAUSE: Duration = Duration::from_secs(1);

/// Holds `count` connections, each opened again when it ends.
pub(super) async fn hold_many<F>(count: usize, open: impl Fn() -> F)
where
    F: Future<Output = std::io::Result<()>>,
{
    let again = || async {
        loop {
            // Refusals are expected.
            let _ = open().await;
            tokio::time::sleep(PAUSE).await;
        }
    };
    join_all((0..count).map(|_| again())).await;
}

async fn hold(attacker: Attacker, sent: &[u8]) {
    let count = attacker.share(attacker.target.scale.connections);
    hold_many(count, || async {
        let mut stream = attacker.connect().await?;
        stream.write_all(sent).await?;
        until_closed(&mut stream).await;
        Ok(())
    })
    .await;
}

/// Connections that never send a byte.
pub(super) async fn silent(attacker: Attacker) {
    hold(attacker, b"").await;
}

/// Connections that send the one byte by which HTTP/1.1 and HTTP/2 cannot be told apart.
pub(super) async fn one_byte(attacker: Attacker) {
    hold(attacker, b"P").await;
}

/// Connections that send the HTTP/2 preface and nothing more.
pub(super) async fn preface(attacker: Attacker) {
    hold(attacker, PREFACE).await;
}

/// HTTP/2 connections without a request, which answer every ping.
pub(super) async fn idle_http2(attacker: Attacker) {
    let count = attacker.share(attacker.target.scale.connections);
    hold_many(count, || async {
        let mut connection = Http2::begin(attacker.connect().await?, 65_535).await?;
        connection.until_closed().await;
        Ok(())
    })
    .await;
}

/// Heads that arrive byte by byte.
pub(super) async fn slow_head(attacker: Attacker) {
    hold_many(attacker.share(1_024), || async {
        let mut stream = attacker.connect().await?;
        stream.write_all(b"GET / HTTP/1.1\r\nX: ").await?;
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            stream.write_all(b"x").await?;
        }
    })
    .await;
}

/// Connections that are opened and closed at once, some thousands a second.
pub(super) async fn churn(attacker: Attacker) {
    let one_after_another = || async {
        loop {
            if let Ok(stream) = attacker.connect().await {
                // Without this the attacker soon runs out of ports.
                let _ = stream.set_zero_linger();
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    join_all((0..4).map(|_| one_after_another())).await;
}
