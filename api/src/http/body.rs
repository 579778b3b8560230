//! A request's body: bounded in bytes, time and memory while it is read, and drained when a handler
//! responds before reading all of it.

use std::pin::Pin;
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes, BytesMut};
use futures::{Stream, StreamExt};

use crate::error::ApiError;
use crate::http::memory::Share;
use crate::limits::Pace;

type Chunks = Pin<Box<dyn Stream<Item = Result<Bytes, warp::Error>> + Send + Sync>>;

/// The rest of an unread body is drained, so that a client that is still writing sees the early
/// response instead of a broken pipe: at most this number of bytes, for at most this time, and
/// while the client keeps up its pace.
const DRAIN_BYTES: u64 = 64 * 1024 * 1024;
const DRAIN_TIME: Duration = Duration::from_secs(10);

/// A request's body, still being received.
pub struct RequestBody {
    unread: Option<Unread>,
    memory: Option<Share>,
}

/// A body that has not been read to its end.
struct Unread {
    chunks: Chunks,
    pace: Pace,
    /// Bytes received, and the time spent waiting for them.
    received: u64,
    waited: Duration,
}

impl Unread {
    fn new(chunks: Chunks, pace: Pace) -> Self {
        Self {
            chunks,
            pace,
            received: 0,
            waited: Duration::ZERO,
        }
    }

    fn is_empty(&self) -> bool {
        self.chunks.size_hint().1 == Some(0)
    }

    async fn chunk(&mut self) -> Result<Option<Bytes>, ApiError> {
        let left = self.pace.allows(self.received).saturating_sub(self.waited);
        let began = Instant::now();
        let next = tokio::time::timeout(left.min(self.pace.pause), self.chunks.next()).await;
        // Time between two calls is not the client's fault, so it does not count.
        self.waited += began.elapsed();
        match next {
            Ok(Some(Ok(bytes))) => {
                self.received += bytes.len() as u64;
                Ok(Some(bytes))
            }
            Ok(None) => Ok(None),
            Ok(Some(Err(source))) => {
                Err(ApiError::malformed("the request body broke off").caused_by(source))
            }
            Err(_) => Err(ApiError::timeout("the request body took too long")),
        }
    }

    /// Continues to read from a client that may not have seen the response yet.
    async fn drain(mut self) {
        let most = self.received.saturating_add(DRAIN_BYTES);
        while self.received < most
            && let Ok(Some(_)) = self.chunk().await
        {}
    }
}

impl RequestBody {
    /// Wraps a stream of chunks, which must keep up the pace.
    pub fn new<S, B>(stream: S, pace: Pace) -> Self
    where
        S: Stream<Item = Result<B, warp::Error>> + Send + Sync + 'static,
        B: Buf,
    {
        let chunks =
            stream.map(|chunk| chunk.map(|mut buffer| buffer.copy_to_bytes(buffer.remaining())));
        Self {
            unread: Some(Unread::new(Box::pin(chunks), pace)),
            memory: None,
        }
    }

    /// No body, as a replacement for one that was taken.
    pub fn none() -> Self {
        Self {
            unread: None,
            memory: None,
        }
    }

    /// Makes [`RequestBody::collect`] take its memory from this share.
    pub fn charge(&mut self, share: Share) {
        self.memory = Some(share);
    }

    /// Whether there is nothing to read.
    pub fn is_empty(&self) -> bool {
        self.unread.as_ref().is_none_or(Unread::is_empty)
    }

    /// Puts back a body that was already read, for a second reader.
    pub fn restore(&mut self, bytes: Bytes) {
        let whole = futures::stream::once(async { Ok(bytes) });
        let pace = Pace {
            pause: Duration::MAX,
            bytes_per_second: 1,
        };
        self.unread = Some(Unread::new(Box::pin(whole), pace));
    }

    /// The next bytes; `None` at the end.
    ///
    /// # Errors
    /// When the client is too slow or hangs up.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, ApiError> {
        let Some(unread) = &mut self.unread else {
            return Ok(None);
        };
        let outcome = unread.chunk().await;
        if !matches!(outcome, Ok(Some(_))) {
            self.unread = None;
        }
        outcome
    }

    /// The whole body.
    ///
    /// # Errors
    /// When it is larger than `limit` bytes, too slow or truncated, or there is no memory for it.
    pub async fn collect(&mut self, limit: usize) -> Result<Bytes, ApiError> {
        let mut memory = self.memory.take();
        let mut whole = BytesMut::new();
        while let Some(chunk) = self.chunk().await? {
            if whole.len() + chunk.len() > limit {
                return Err(ApiError::too_large(format!(
                    "the request body may have at most {limit} bytes"
                )));
            }
            if let Some(memory) = &mut memory
                && !memory.grow(chunk.len() as u64)
            {
                return Err(ApiError::busy("too many large requests are in flight"));
            }
            if whole.is_empty() {
                whole = BytesMut::from(chunk);
            } else {
                whole.extend_from_slice(&chunk);
            }
        }
        let bytes = whole.freeze();
        Ok(match memory {
            Some(memory) => Bytes::from_owner(Charged { bytes, memory }),
            None => bytes,
        })
    }

    /// The body as a stream of chunks, for a parser that pulls.
    pub fn into_stream(self) -> impl Stream<Item = Result<Bytes, ApiError>> + Send {
        futures::stream::unfold(self, |mut body| async {
            body.chunk().await.transpose().map(|chunk| (chunk, body))
        })
    }
}

/// A whole body, which holds its memory for as long as its bytes are referenced.
struct Charged {
    bytes: Bytes,
    #[expect(dead_code, reason = "given back when it is dropped")]
    memory: Share,
}

impl AsRef<[u8]> for Charged {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        if let Some(unread) = self.unread.take()
            && !unread.is_empty()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(tokio::time::timeout(DRAIN_TIME, unread.drain()));
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::stream;

    use super::*;
    use crate::error::Kind;

    /// A body that sends one byte each `pause`.
    fn drips(pause: Duration) -> RequestBody {
        let bytes = stream::unfold((), move |()| async move {
            tokio::time::sleep(pause).await;
            Some((Ok::<_, warp::Error>(Bytes::from_static(b"x")), ()))
        });
        // Makes the stream `Sync`, which `RequestBody::new` requires.
        let bytes = sync_wrapper::SyncStream::new(Box::pin(bytes));
        let pace = Pace {
            pause: Duration::from_millis(100),
            bytes_per_second: 1_000,
        };
        RequestBody::new(bytes, pace)
    }

    #[tokio::test]
    async fn a_pause_and_a_low_rate_end_a_body() {
        let paused = drips(Duration::from_millis(200)).collect(100).await;
        assert_eq!(paused.unwrap_err().kind, Kind::Timeout);
        let began = Instant::now();
        let slow = drips(Duration::from_millis(20)).collect(100).await;
        assert_eq!(slow.unwrap_err().kind, Kind::Timeout);
        assert!(began.elapsed() < Duration::from_secs(1));
        let fast = drips(Duration::ZERO).collect(100).await;
        assert_eq!(fast.unwrap_err().kind, Kind::TooLarge);
    }
}
