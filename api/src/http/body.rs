//! A request's body: bounded in bytes and time while it is read, and drained politely
//! when a handler answers before reading it.

use std::pin::Pin;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use futures::{Stream, StreamExt};

use crate::error::ApiError;

type Chunks = Pin<Box<dyn Stream<Item = Result<Bytes, warp::Error>> + Send + Sync>>;

/// An unread body is read on, so that a client that is still writing sees the early
/// answer instead of a broken pipe; at most so much of it, for at most so long.
const DRAIN_BYTES: u64 = 64 * 1024 * 1024;
const DRAIN_TIME: Duration = Duration::from_secs(10);

/// The bytes of a request, still on their way in.
pub struct RequestBody {
    chunks: Option<Chunks>,
    idle_timeout: Duration,
}

impl RequestBody {
    /// Wraps a stream of chunks; a pause longer than `idle_timeout` ends the request.
    pub fn new<S, B>(stream: S, idle_timeout: Duration) -> Self
    where
        S: Stream<Item = Result<B, warp::Error>> + Send + Sync + 'static,
        B: Buf,
    {
        let chunks =
            stream.map(|chunk| chunk.map(|mut buffer| buffer.copy_to_bytes(buffer.remaining())));
        Self {
            chunks: Some(Box::pin(chunks)),
            idle_timeout,
        }
    }

    /// No body, to leave in the place of one that was taken.
    pub fn none() -> Self {
        Self {
            chunks: None,
            idle_timeout: Duration::ZERO,
        }
    }

    /// A body that was read already, for whoever reads it again.
    pub fn of(bytes: Bytes) -> Self {
        Self {
            chunks: Some(Box::pin(futures::stream::once(async { Ok(bytes) }))),
            idle_timeout: Duration::MAX,
        }
    }

    /// The next bytes; `None` at the end.
    ///
    /// # Errors
    /// When the client is too slow or hangs up.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, ApiError> {
        let Some(chunks) = &mut self.chunks else {
            return Ok(None);
        };
        let next = tokio::time::timeout(self.idle_timeout, chunks.next()).await;
        let outcome = match next {
            Ok(Some(Ok(bytes))) => return Ok(Some(bytes)),
            Ok(None) => Ok(None),
            Ok(Some(Err(source))) => {
                Err(ApiError::malformed("the request body broke off").caused_by(source))
            }
            Err(_) => Err(ApiError::timeout("the request body took too long")),
        };
        self.chunks = None;
        outcome
    }

    /// The whole body.
    ///
    /// # Errors
    /// When it is larger than `limit` bytes, too slow, or breaks off.
    pub async fn collect(&mut self, limit: usize) -> Result<Bytes, ApiError> {
        let mut whole = BytesMut::new();
        while let Some(chunk) = self.chunk().await? {
            if whole.len() + chunk.len() > limit {
                return Err(ApiError::too_large(format!(
                    "the request body may have at most {limit} bytes"
                )));
            }
            if whole.is_empty() {
                whole = BytesMut::from(chunk);
            } else {
                whole.extend_from_slice(&chunk);
            }
        }
        Ok(whole.freeze())
    }

    /// The body as a stream of chunks, for a parser that pulls.
    pub fn into_stream(self) -> impl Stream<Item = Result<Bytes, ApiError>> + Send {
        futures::stream::unfold(self, |mut body| async {
            body.chunk().await.transpose().map(|chunk| (chunk, body))
        })
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        let Some(mut chunks) = self.chunks.take() else {
            return;
        };
        if chunks.size_hint().1 == Some(0) {
            return;
        }
        let drain = async move {
            let mut left = DRAIN_BYTES;
            while let Some(Ok(chunk)) = chunks.next().await {
                left = left.saturating_sub(chunk.len() as u64);
                if left == 0 {
                    break;
                }
            }
        };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(tokio::time::timeout(DRAIN_TIME, drain));
        }
    }
}
