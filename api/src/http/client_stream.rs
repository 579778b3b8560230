//! A client's TCP stream that records reads and writes on its connection, and yields to other
//! connections.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::coop;

use crate::http::connections::Connection;

/// Bytes that cost one unit of tokio's cooperative budget, of which a task has 128 per poll. tokio
/// itself charges one unit for a read or write of any size, so a fast client would monopolize its
/// thread.
const BYTES_A_UNIT: usize = 512;

/// A stream and the connection that it belongs to.
pub struct ClientStream {
    stream: TcpStream,
    connection: Arc<Connection>,
}

impl ClientStream {
    /// Wraps a stream of this connection.
    pub fn new(stream: TcpStream, connection: Arc<Connection>) -> Self {
        Self { stream, connection }
    }

    fn note(&self, written: &Poll<io::Result<usize>>, context: &mut Context<'_>) {
        match written {
            Poll::Pending => self.connection.write_stalls(),
            Poll::Ready(Ok(bytes)) => {
                charge(*bytes, context);
                self.connection.has_written(*bytes);
            }
            Poll::Ready(Err(_)) => {}
        }
    }
}

/// Charges the task's budget for transferred bytes. When it is used up, the next read or write is
/// pending.
fn charge(bytes: usize, context: &mut Context<'_>) {
    for _ in 0..bytes / BYTES_A_UNIT {
        match coop::poll_proceed(context) {
            Poll::Ready(unit) => unit.made_progress(),
            Poll::Pending => break,
        }
    }
}

impl Drop for ClientStream {
    /// Frees the connection's place however the connection ends, even by a panic. A connection that
    /// the server ended is reset, because otherwise the kernel would keep its unread responses for
    /// minutes.
    fn drop(&mut self) {
        self.connection.leave();
        if self.connection.is_ended()
            && let Err(problem) = self.stream.set_zero_linger()
        {
            tracing::debug!(%problem, "a connection could not be reset");
        }
    }
}

impl AsyncRead for ClientStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        let bytes = &buffer.filled()[before..];
        if !bytes.is_empty() {
            charge(bytes.len(), context);
            self.connection.has_read(bytes);
        }
        read
    }
}

impl AsyncWrite for ClientStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.note(&written, context);
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.note(&written, context);
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
