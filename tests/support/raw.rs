//! Requests byte by byte, for requests that no client would send.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::TestApp;

/// The timeout of a response.
const PATIENCE: Duration = Duration::from_secs(30);

/// A connection to the program.
pub struct Raw(TcpStream);

impl Raw {
    /// Connects.
    pub async fn connect(app: &TestApp) -> Self {
        let address = app.url.trim_start_matches("http://");
        Self(TcpStream::connect(address).await.expect("a connection"))
    }

    /// Sends bytes; returns `false` when the other side has closed the connection.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.0.write_all(bytes.as_ref()).await.is_ok()
    }

    /// Closes the sending side.
    pub async fn finish_sending(&mut self) {
        self.0.shutdown().await.expect("a half-closed connection");
    }

    /// Reads until the whole response has arrived or the connection ends.
    pub async fn answer(&mut self) -> String {
        self.read_until(is_whole).await
    }

    /// Reads a response without a body that another one follows, such as `100 Continue`.
    pub async fn interim_answer(&mut self) -> String {
        self.read_until(|read| read.ends_with(b"\r\n\r\n")).await
    }

    async fn read_until(&mut self, is_enough: fn(&[u8]) -> bool) -> String {
        let mut read = Vec::new();
        let mut buffer = [0; 65_536];
        while !is_enough(&read) {
            let more = tokio::time::timeout(PATIENCE, self.0.read(&mut buffer)).await;
            match more.expect("an answer in time") {
                Ok(0) | Err(_) => break,
                Ok(count) => read.extend_from_slice(&buffer[..count]),
            }
        }
        String::from_utf8_lossy(&read).into_owned()
    }
}

fn is_whole(read: &[u8]) -> bool {
    let text = String::from_utf8_lossy(read);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    head.to_ascii_lowercase()
        .lines()
        .find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok())
        .is_some_and(|length| body.len() >= length)
}

/// The basic credentials of the demo account as a header line.
pub fn authorization(app: &TestApp) -> String {
    format!("Authorization: {}\r\n", basic(&app.key))
}

/// A key's basic credentials, as the header's value.
pub fn basic((key, secret): &(String, String)) -> String {
    format!("Basic {}", base64(format!("{key}:{secret}").as_bytes()))
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    bytes
        .chunks(3)
        .flat_map(|chunk| {
            let word = (0..3).fold(0, |word, place| {
                word << 8 | u32::from(chunk.get(place).copied().unwrap_or(0))
            });
            (0..4).map(move |place| {
                if place <= chunk.len() {
                    char::from(LETTERS[(word >> (18 - 6 * place)) as usize & 63])
                } else {
                    '='
                }
            })
        })
        .collect()
}
