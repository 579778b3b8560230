//! The accept loop: accepts connections, and passes their requests to a service.
//!
//! warp's own server gives hyper no timer, limits neither connections nor the time of a shutdown,
//! and does not count responses. The limits on connections are in
//! [`connections`](super::connections), those on responses in [`answers`](super::answers).

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use http::{Request, Response, StatusCode};
use http_body::Body;
use hyper::body::Incoming;
use hyper::service::Service;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};

use crate::http::answers::{AnswerBody, Answers, Reader, Room};
use crate::http::client_stream::ClientStream;
use crate::http::connections::{Connection, Connections};
use crate::http::poll_watch::watched;
use crate::limits::{Limits, Pace};

/// Maximum header fields of a request; hyper counts them only for HTTP/1.1.
const MAX_HEADERS: usize = 100;
const MAX_HEAD_BYTES: usize = 32 * 1024;

const MAX_STREAMS: u32 = 128;
/// How many bytes a client may send ahead of the reader, on one stream and on a whole connection.
const STREAM_WINDOW: u32 = 128 * 1024;
const CONNECTION_WINDOW: u32 = 512 * 1024;
/// How many unsent bytes one stream may buffer.
const STREAM_BUFFER: usize = 64 * 1024;

/// File descriptors reserved for the database, pictures and everything else besides connections.
const RESERVED_DESCRIPTORS: u64 = 256;

/// Serves until `shutdown` resolves, then finishes the requests in flight.
pub async fn serve<S, B>(
    listener: TcpListener,
    service: S,
    limits: &Limits,
    shutdown: impl Future<Output = ()>,
) where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send,
    B: Body<Data = Bytes> + From<&'static str> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    // An upload keeps its file open, for a while twice.
    let others = RESERVED_DESCRIPTORS + 2 * limits.requests_in_flight as u64;
    let connections = Connections::new(limits, most_connections(limits.connections, others));
    let deadlines = tokio::spawn(connections.clone().keep_deadlines());
    let answers = Answers::new(limits.answer_bytes());
    let builder = connection_builder();
    let graceful = GracefulShutdown::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            () = &mut shutdown => break,
            accepted = accept(&listener, &connections) => accepted,
        };
        let Some((stream, connection)) = accepted else {
            continue;
        };
        let service = ClientService {
            inner: service.clone(),
            reader: Reader::new(answers.clone(), connection.clone()),
            pace: limits.answer(),
        };
        let stream = TokioIo::new(ClientStream::new(stream, connection.clone()));
        let served = graceful.watch(builder.serve_connection(stream, service).into_owned());
        tokio::spawn(watched("connection", async move {
            tokio::select! {
                served = served => {
                    if let Err(problem) = served {
                        tracing::debug!(%problem, "connection failed");
                    }
                }
                () = connection.ended() => {}
            }
        }));
    }
    drop(listener);
    let drained = tokio::time::timeout(limits.drain(), graceful.shutdown()).await;
    if drained.is_err() {
        tracing::warn!("some requests did not finish in time and were cut off");
    }
    deadlines.abort();
}

async fn accept(
    listener: &TcpListener,
    connections: &Arc<Connections>,
) -> Option<(TcpStream, Arc<Connection>)> {
    match listener.accept().await {
        Ok((stream, peer)) => {
            // Responses are written whole, so waiting for more to send only adds delay.
            if let Err(problem) = stream.set_nodelay(true) {
                tracing::debug!(%problem, "TCP_NODELAY was refused");
            }
            // If it is not admitted, the stream is closed by this early return.
            let connection = connections.admit(peer.ip().to_canonical())?;
            Some((stream, connection))
        }
        Err(problem) => {
            tracing::warn!(%problem, "a connection could not be accepted");
            tokio::time::sleep(Duration::from_millis(50)).await;
            None
        }
    }
}

/// Raises the limit on open files as far as possible; returns the number of connections it allows.
fn most_connections(wanted: usize, others: u64) -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let needed = wanted as u64 + others;
    let Some(have) = current.filter(|have| *have < needed) else {
        return wanted;
    };
    let raised = maximum
        .map_or(needed, |maximum| maximum.min(needed))
        .max(have);
    let new = Rlimit {
        current: Some(raised),
        maximum,
    };
    let have = match setrlimit(Resource::Nofile, new) {
        Ok(()) => raised,
        Err(_) => have,
    };
    let most = have.saturating_sub(others).max(have / 4).max(1);
    let most = usize::try_from(most).unwrap_or(wanted).min(wanted);
    if most < wanted {
        tracing::warn!(
            connections = most,
            "--connections is more than the limit of open files allows (ulimit -n)"
        );
    }
    most
}

fn connection_builder() -> auto::Builder<WatchedExecutor> {
    let mut builder = auto::Builder::new(WatchedExecutor);
    builder
        .http1()
        .timer(TokioTimer::new())
        // `connections` has separate deadlines for heads and for idle connections.
        .header_read_timeout(None)
        .half_close(true)
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEAD_BYTES);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(MAX_HEAD_BYTES as u32)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(STREAM_BUFFER)
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(20));
    builder
}

/// Runs the streams of HTTP/2 connections.
#[derive(Clone, Copy, Debug)]
struct WatchedExecutor;

impl<F> hyper::rt::Executor<F> for WatchedExecutor
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, future: F) {
        tokio::spawn(watched("stream", future));
    }
}

/// The service for the requests of one connection.
#[derive(Clone)]
struct ClientService<S> {
    inner: S,
    reader: Reader,
    pace: Pace,
}

impl<S, B> Service<Request<Incoming>> for ClientService<S>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
    S::Future: Send + 'static,
    B: Body<Data = Bytes> + From<&'static str> + Send + Unpin + 'static,
{
    type Response = Response<AnswerBody<B>>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        let (reader, pace) = (self.reader.clone(), self.pace);
        let in_flight = reader.connection.begin_request();
        if request.headers().len() > MAX_HEADERS {
            let mut response = Response::new(B::from(""));
            *response.status_mut() = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
            let room = reader.room_anyway();
            let refused = response.map(|body| AnswerBody::new(body, room, pace, in_flight));
            return std::future::ready(Ok(refused)).boxed();
        }
        request.extensions_mut().insert(reader.clone());
        let answered = self.inner.call(request);
        async move {
            let Ok(mut response) = answered.await;
            let counted = response.extensions_mut().remove::<Room>();
            let room = counted.unwrap_or_else(|| reader.room_anyway());
            Ok(response.map(|body| AnswerBody::new(body, room, pace, in_flight)))
        }
        .boxed()
    }
}
