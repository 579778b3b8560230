//! HTTP/2 frame by frame (RFC 9113), for requests that no client library would send.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What a client sends first.
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The types of frames that are used here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are named as in RFC 9113, section 6")]
pub enum Kind {
    Data = 0,
    Headers = 1,
    RstStream = 3,
    Settings = 4,
    Ping = 6,
    GoAway = 7,
    WindowUpdate = 8,
    Continuation = 9,
}

/// Flag of `DATA` and `HEADERS`: nothing follows on this stream.
pub const END_STREAM: u8 = 1;
/// Flag of `HEADERS` and `CONTINUATION`: the head is whole.
pub const END_HEADERS: u8 = 4;
/// Flag of `SETTINGS` and `PING`: acknowledges the peer's frame.
const ACKNOWLEDGEMENT: u8 = 1;
/// The setting for how many bytes of a response may arrive before a window update.
const INITIAL_WINDOW_SIZE: u16 = 4;

/// A frame as bytes.
pub fn frame(kind: Kind, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    frame_of(kind as u8, flags, stream, payload)
}

fn frame_of(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    let mut bytes = Vec::with_capacity(9 + payload.len());
    bytes.extend_from_slice(&length[1..]);
    bytes.extend_from_slice(&[kind, flags]);
    bytes.extend_from_slice(&stream.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// A request's fields as HPACK literals that touch no table (RFC 7541, section 6.2.2).
pub fn head(method: &str, path: &str, fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    let pseudo_fields = [
        (":method", method),
        (":scheme", "http"),
        (":path", path),
        (":authority", "photolog"),
    ];
    for (name, value) in pseudo_fields.iter().chain(fields) {
        block.push(0);
        for text in [name, value] {
            push_length(&mut block, text.len());
            block.extend_from_slice(text.as_bytes());
        }
    }
    block
}

/// An integer with a prefix of 7 bits (RFC 7541, section 5.1).
fn push_length(block: &mut Vec<u8>, length: usize) {
    if length < 127 {
        block.push(length as u8);
        return;
    }
    block.push(127);
    let mut rest = length - 127;
    while rest >= 128 {
        block.push(rest as u8 | 128);
        rest >>= 7;
    }
    block.push(rest as u8);
}

/// A received frame.
#[derive(Debug)]
pub struct Frame {
    kind: u8,
    /// Its flags.
    pub flags: u8,
    /// Its stream.
    pub stream: u32,
    /// Its payload.
    pub payload: Vec<u8>,
}

impl Frame {
    /// Whether it has this type.
    pub fn is(&self, kind: Kind) -> bool {
        self.kind == kind as u8
    }

    /// Whether it ends its stream or the whole connection.
    pub fn is_an_end(&self) -> bool {
        let carries_the_end = self.is(Kind::Data) || self.is(Kind::Headers);
        self.is(Kind::RstStream)
            || self.is(Kind::GoAway)
            || (carries_the_end && self.flags & END_STREAM != 0)
    }
}

/// The client side of a connection.
pub struct Http2 {
    stream: TcpStream,
    next_stream: u32,
}

impl Http2 {
    /// Performs the handshake on a new connection; each response may have at most `window` bytes
    /// before a window update.
    ///
    /// # Errors
    /// When the connection ends.
    pub async fn begin(mut stream: TcpStream, window: u32) -> io::Result<Self> {
        let mut setting = INITIAL_WINDOW_SIZE.to_be_bytes().to_vec();
        setting.extend_from_slice(&window.to_be_bytes());
        let hello = [PREFACE, &frame(Kind::Settings, 0, 0, &setting)].concat();
        stream.write_all(&hello).await?;
        Ok(Self {
            stream,
            next_stream: 1,
        })
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// When the connection ends.
    pub async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// Opens a stream with a head from [`head`].
    ///
    /// # Errors
    /// When the connection ends.
    pub async fn request(&mut self, head: &[u8], end: bool) -> io::Result<u32> {
        let stream = self.next_stream;
        self.next_stream += 2;
        let flags = END_HEADERS | if end { END_STREAM } else { 0 };
        self.send(&frame(Kind::Headers, flags, stream, head))
            .await?;
        Ok(stream)
    }

    /// The next frame. `SETTINGS` and `PING` are acknowledged, as by any client.
    ///
    /// # Errors
    /// When the connection ends.
    pub async fn next_frame(&mut self) -> io::Result<Frame> {
        let mut header = [0; 9];
        self.stream.read_exact(&mut header).await?;
        let number = |bytes: &[u8]| {
            bytes
                .iter()
                .fold(0, |all, byte| all << 8 | u32::from(*byte))
        };
        let mut payload = vec![0; number(&header[..3]) as usize];
        self.stream.read_exact(&mut payload).await?;
        let frame = Frame {
            kind: header[3],
            flags: header[4],
            stream: number(&header[5..]) & 0x7fff_ffff,
            payload,
        };
        let asks = frame.flags & ACKNOWLEDGEMENT == 0;
        if asks && frame.is(Kind::Ping) {
            let answer = frame_of(frame.kind, ACKNOWLEDGEMENT, 0, &frame.payload);
            self.send(&answer).await?;
        } else if asks && frame.is(Kind::Settings) {
            self.send(&frame_of(frame.kind, ACKNOWLEDGEMENT, 0, &[]))
                .await?;
        }
        Ok(frame)
    }

    /// Reads frames until the connection ends.
    pub async fn until_closed(&mut self) {
        while self.next_frame().await.is_ok() {}
    }
}
