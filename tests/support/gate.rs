//! A gate between edge and origin: it forwards requests and counts them until a story sets another
//! verdict.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http_body_util::{BodyExt, Collected, Full};
use hyper::body::Incoming;
use hyper::header::HOST;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What happens to a request.
pub enum Verdict {
    /// The origin's response is passed on.
    Pass,
    /// The origin's response is passed on with every byte of the body changed.
    Spoil,
    /// The gate responds with this.
    Answer(Response<Full<Bytes>>),
    /// No response ever comes.
    Silence,
    /// The connection is closed.
    HangUp,
}

type Judge = Arc<dyn Fn(&str) -> Verdict + Send + Sync>;

struct Shared {
    origin: String,
    client: reqwest::Client,
    judge: Mutex<Judge>,
    seen: Mutex<Vec<String>>,
}

/// A proxy that a story controls. Gone when dropped.
pub struct Gate {
    /// `host:port`
    pub address: String,
    shared: Arc<Shared>,
    doorkeeper: JoinHandle<()>,
}

impl Gate {
    /// Opens a gate in front of an origin at `http://host:port`.
    pub async fn open_before(origin: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let shared = Arc::new(Shared {
            origin: origin.to_owned(),
            client: crate::client(),
            judge: Mutex::new(Arc::new(|_| Verdict::Pass)),
            seen: Mutex::default(),
        });
        let doorkeeper = tokio::spawn(keep(listener, shared.clone()));
        Self {
            address,
            shared,
            doorkeeper,
        }
    }

    /// From now on `judge` decides, by path and query, what happens to a request.
    pub fn judge(&self, judge: impl Fn(&str) -> Verdict + Send + Sync + 'static) {
        *lock(&self.shared.judge) = Arc::new(judge);
    }

    /// Passes everything again.
    pub fn open(&self) {
        self.judge(|_| Verdict::Pass);
    }

    /// The paths, with their queries, of the requests answered since the last call.
    pub fn take_seen(&self) -> Vec<String> {
        std::mem::take(&mut lock(&self.shared.seen))
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.doorkeeper.abort();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn keep(listener: TcpListener, shared: Arc<Shared>) {
    // All connections end with the gate.
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((connection, _)) = listener.accept().await {
        connections.spawn(serve(connection, shared.clone()));
    }
}

async fn serve(connection: TcpStream, shared: Arc<Shared>) {
    let service = service_fn(move |request| answer(shared.clone(), request));
    // A connection that a story cuts off ends with an error.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(connection), service)
        .await;
}

/// The error is hyper's sign to end the connection.
#[derive(Debug)]
struct HungUp;

impl std::fmt::Display for HungUp {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("hung up")
    }
}

impl std::error::Error for HungUp {}

async fn answer(
    shared: Arc<Shared>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, HungUp> {
    let path = request.uri().to_string();
    let judge = lock(&shared.judge).clone();
    let answer = match judge(&path) {
        Verdict::Pass => Ok(ask(&shared, request).await.map(Full::new)),
        Verdict::Spoil => Ok(ask(&shared, request).await.map(spoiled)),
        Verdict::Answer(answer) => Ok(answer),
        Verdict::Silence => {
            let never: Infallible = std::future::pending().await;
            match never {}
        }
        Verdict::HangUp => Err(HungUp),
    };
    lock(&shared.seen).push(path);
    answer
}

fn spoiled(body: Bytes) -> Full<Bytes> {
    Full::new(body.iter().map(|byte| byte ^ 1).collect())
}

async fn ask(shared: &Shared, request: Request<Incoming>) -> Response<Bytes> {
    let (mut head, body) = request.into_parts();
    let url = format!("{}{}", shared.origin, head.uri);
    head.headers.remove(HOST);
    let body = body.collect().await.map(Collected::to_bytes);
    let asked = shared
        .client
        .request(head.method, url)
        .headers(head.headers);
    let Ok(answer) = asked.body(body.unwrap_or_default()).send().await else {
        let mut down = Response::new(Bytes::new());
        *down.status_mut() = StatusCode::BAD_GATEWAY;
        return down;
    };
    let (status, headers) = (answer.status(), answer.headers().clone());
    let body = answer.bytes().await.unwrap_or_default();
    let mut passed = Response::new(body);
    *passed.status_mut() = status;
    *passed.headers_mut() = headers;
    passed
}
