//! A peer that stalls at each point where a server waits for it, over HTTP/1.1 and HTTP/2. Only the
//! deadline of that point is short, so that no other deadline ends the wait.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use futures::future::join_all;
use photolog_tests::TestApp;
use photolog_tests::hostile_pictures::noise;
use photolog_tests::http2::{Http2, Kind, PREFACE, frame, head};
use photolog_tests::peer::{connect, connect_without_buffer, until_closed};
use photolog_tests::probe::sockets;
use photolog_tests::raw::basic;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Executor};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const DEADLINE: Duration = Duration::from_secs(2);
/// With a factor of two to spare.
const AT_MOST: Duration = Duration::from_secs(4);
/// The value of any deadline not under test.
const LONG: &str = "60";
const SHORT: &str = "2";

const FIRST_BYTE: &str = "PHOTOLOG_FIRST_BYTE_TIMEOUT_SECONDS";
const HEADER: &str = "PHOTOLOG_HEADER_TIMEOUT_SECONDS";
const IDLE: &str = "PHOTOLOG_IDLE_TIMEOUT_SECONDS";
const BODY: &str = "PHOTOLOG_BODY_TIMEOUT_SECONDS";
const ANSWER: &str = "PHOTOLOG_ANSWER_TIMEOUT_SECONDS";
/// A piece of a response may take as long as this rate allows, in addition to the pause.
const ANSWER_RATE: (&str, &str) = ("PHOTOLOG_ANSWER_BYTES_PER_SECOND", "1048576");

/// A server with these deadlines short and all others long.
async fn server(short: &[&str]) -> TestApp {
    let of = |name: &'static str| (name, if short.contains(&name) { SHORT } else { LONG });
    TestApp::with([
        of(FIRST_BYTE),
        of(HEADER),
        of(IDLE),
        of(BODY),
        of(ANSWER),
        ANSWER_RATE,
    ])
    .await
}

async fn peer(app: &TestApp) -> TcpStream {
    let server = app.url.trim_start_matches("http://").parse().unwrap();
    connect(Ipv4Addr::new(127, 0, 1, 1), server).await.unwrap()
}

async fn http2_peer(app: &TestApp) -> Http2 {
    Http2::begin(peer(app).await, 65_535).await.unwrap()
}

/// Waits for its end, which must come after its deadline has begun to matter, and well in time.
async fn assert_ends(what: &str, wait: impl Future<Output = ()>) {
    let began = Instant::now();
    let ended = tokio::time::timeout(AT_MOST, wait).await;
    assert!(ended.is_ok(), "{what} is still open after {AT_MOST:?}");
    // A deadline that strikes at once would be a refusal, not a deadline.
    assert!(
        began.elapsed() > DEADLINE / 4,
        "{what} was ended at once, not by a deadline"
    );
}

/// Sends bytes on a new connection and then nothing.
async fn assert_stall_ends(app: &TestApp, what: &str, sent: &[u8]) {
    let mut stream = peer(app).await;
    stream.write_all(sent).await.unwrap();
    assert_ends(what, until_closed(&mut stream)).await;
}

#[tokio::test]
async fn a_connection_without_a_byte_or_a_whole_preface_is_ended() {
    let app = server(&[FIRST_BYTE]).await;
    let stalls: [(&str, &[u8]); 3] = [
        ("a silent connection", b""),
        ("one byte of either protocol", b"P"),
        ("half a preface", &PREFACE[..12]),
    ];
    join_all(stalls.map(|(what, sent)| assert_stall_ends(&app, what, sent))).await;
}

#[tokio::test]
async fn a_head_that_does_not_come_to_its_end_is_ended() {
    let app = server(&[HEADER]).await;
    let unfinished = [PREFACE, &frame(Kind::Settings, 0, 0, &[])].concat();
    let unfinished = [
        unfinished.as_slice(),
        &frame(Kind::Headers, 0, 1, &head("GET", "/healthz", &[])),
    ]
    .concat();
    let stalls: [(&str, &[u8]); 4] = [
        ("one byte of HTTP/1.1", b"G"),
        ("half a head", b"GET /healthz HTTP/1.1\r\nHost: x\r\nX"),
        ("a preface alone", PREFACE),
        ("an HTTP/2 head without its end", &unfinished),
    ];
    join_all(stalls.map(|(what, sent)| assert_stall_ends(&app, what, sent))).await;
}

#[tokio::test]
async fn a_head_that_trickles_is_ended() {
    let app = server(&[HEADER]).await;
    let trickle = async |mut stream: TcpStream, begin: &[u8]| {
        stream.write_all(begin).await.unwrap();
        let (mut incoming, mut outgoing) = stream.split();
        let send = async {
            while outgoing.write_all(b"x").await.is_ok() {
                tokio::time::sleep(DEADLINE / 8).await;
            }
        };
        tokio::select! {
            () = send => {}
            () = until_closed(&mut incoming) => {}
        }
    };
    let first = trickle(peer(&app).await, b"GET /healthz HTTP/1.1\r\nX: ");
    // A second head on the same connection has the same deadline, neither shorter nor longer.
    let mut used = peer(&app).await;
    used.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    assert!(used.read(&mut [0; 4_096]).await.unwrap() > 0);
    let second = trickle(used, b"GET /healthz HTTP/1.1\r\nX: ");
    tokio::join!(
        assert_ends("a head that trickles", first),
        assert_ends("a second head that trickles", second)
    );
}

#[tokio::test]
async fn a_connection_without_a_request_under_way_is_ended() {
    let app = server(&[IDLE]).await;
    let http1 = async {
        let mut stream = peer(&app).await;
        stream
            .write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            .await
            .unwrap();
        assert!(stream.read(&mut [0; 4_096]).await.unwrap() > 0);
        assert_ends("an idle HTTP/1.1 connection", until_closed(&mut stream)).await;
    };
    let http2 = async {
        let mut connection = http2_peer(&app).await;
        let request = head("GET", "/healthz", &[]);
        connection.request(&request, true).await.unwrap();
        while !connection.next_frame().await.unwrap().is_an_end() {}
        assert_ends("an idle HTTP/2 connection", connection.until_closed()).await;
    };
    // Pings and their acknowledgements are not requests.
    let pings = async {
        let mut connection = http2_peer(&app).await;
        let request = head("GET", "/healthz", &[]);
        connection.request(&request, true).await.unwrap();
        while !connection.next_frame().await.unwrap().is_an_end() {}
        let ping = async {
            while connection
                .send(&frame(Kind::Ping, 0, 0, &[0; 8]))
                .await
                .is_ok()
                && connection.next_frame().await.is_ok()
            {
                tokio::time::sleep(DEADLINE / 8).await;
            }
        };
        assert_ends("an HTTP/2 connection with nothing but pings", ping).await;
    };
    tokio::join!(http1, http2, pings);
}

/// Method, path, and header fields.
type Endpoint = (&'static str, String, Vec<(&'static str, String)>);

/// Every kind of endpoint that reads a body.
fn endpoints(app: &TestApp) -> Vec<Endpoint> {
    let images = format!("/accounts/{}/images", app.account);
    let nobodys = "00000000-0000-4000-8000-000000000000";
    let basic = || vec![("authorization", basic(&app.key))];
    let form = ("content-type", "multipart/form-data; boundary=b".to_owned());
    let token = vec![("x-auth-token", format!("{}:{}", app.key.0, app.key.1))];
    vec![
        ("POST", "/oauth2/token".to_owned(), vec![]),
        ("POST", "/v3/auth/tokens".to_owned(), vec![]),
        ("POST", images.clone(), vec![form.clone()]),
        ("POST", images.clone(), [basic(), vec![form]].concat()),
        ("PUT", format!("{images}/{nobodys}/metadata"), basic()),
        ("POST", format!("/v2.1/images/{nobodys}/metadata"), token),
        ("POST", "/nowhere".to_owned(), vec![]),
    ]
}

/// Begins a request with a body over HTTP/1.1, sends part of it with `send`, and waits for the end
/// of the connection.
async fn assert_body_ends(app: &TestApp, is_trickling: bool) {
    let http1 = endpoints(app)
        .into_iter()
        .map(|(method, path, fields)| async move {
            let fields: String = fields
                .iter()
                .map(|(name, value)| format!("{name}: {value}\r\n"))
                .collect();
            let request = format!(
                "{method} {path} HTTP/1.1\r\nHost: x\r\n{fields}Content-Length: 10000\r\n\r\n"
            );
            let mut stream = peer(app).await;
            stream.write_all(request.as_bytes()).await.unwrap();
            let (mut incoming, mut outgoing) = stream.split();
            let send = async {
                while outgoing.write_all(b"{").await.is_ok() {
                    tokio::time::sleep(pause(is_trickling)).await;
                }
            };
            let both = async {
                tokio::select! {
                    () = send => {}
                    () = until_closed(&mut incoming) => {}
                }
            };
            assert_done(&format!("HTTP/1.1 {method} {path}"), both).await;
        });
    let http2 = endpoints(app)
        .into_iter()
        .map(|(method, path, fields)| async move {
            let fields: Vec<_> = fields
                .iter()
                .map(|(name, value)| (*name, value.as_str()))
                .collect();
            let mut connection = http2_peer(app).await;
            let request = head(method, &path, &fields);
            let stream = connection.request(&request, false).await.unwrap();
            let until_ended = async {
                loop {
                    let byte = frame(Kind::Data, 0, stream, b"{");
                    if connection.send(&byte).await.is_err() {
                        return;
                    }
                    let until = tokio::time::Instant::now() + pause(is_trickling);
                    while let Ok(frame) =
                        tokio::time::timeout_at(until, connection.next_frame()).await
                    {
                        if frame.is_err() || frame.is_ok_and(|frame| frame.is_an_end()) {
                            return;
                        }
                    }
                }
            };
            assert_done(&format!("HTTP/2 {method} {path}"), until_ended).await;
        });
    tokio::join!(join_all(http1), join_all(http2));
}

/// A refusal that needs no body may come at once, so only the upper limit is checked.
async fn assert_done(what: &str, wait: impl Future<Output = ()>) {
    let ended = tokio::time::timeout(AT_MOST, wait).await;
    assert!(ended.is_ok(), "{what} is still open after {AT_MOST:?}");
}

fn pause(is_trickling: bool) -> Duration {
    if is_trickling {
        DEADLINE / 8
    } else {
        Duration::from_secs(60)
    }
}

#[tokio::test]
async fn a_body_that_stops_is_ended_at_every_endpoint() {
    let app = server(&[BODY]).await;
    assert_body_ends(&app, false).await;
}

/// It never pauses for long, but sends far more slowly than the minimum rate.
#[tokio::test]
async fn a_body_that_trickles_is_ended_at_every_endpoint() {
    let app = server(&[BODY]).await;
    assert_body_ends(&app, true).await;
}

/// Another program locks the database for longer than a request may take.
#[tokio::test]
async fn a_handler_that_waits_is_ended() {
    // A request with a body has both deadlines added up.
    let app = TestApp::with([("PHOTOLOG_HANDLER_TIMEOUT_SECONDS", "1"), (BODY, "1")]).await;
    let image = app.uploaded(noise(8, 8, 1)).await;
    let image = image["imageID"].as_str().unwrap();
    let database = app.data_dir().join("photolog.sqlite");
    let options = SqliteConnectOptions::new().filename(database);
    let mut holder = options.connect().await.unwrap();
    holder.execute("BEGIN IMMEDIATE").await.unwrap();
    let refused = async {
        let answer = app.set_alt_text(image, "too late").await;
        assert_eq!(answer.status(), 503);
        assert!(answer.headers().contains_key("retry-after"));
    };
    assert_ends("a write that waits", refused).await;
    holder.execute("ROLLBACK").await.unwrap();
    assert_eq!(app.set_alt_text(image, "in time").await.status(), 200);
}

/// A public picture whose renditions do not fit into any socket's buffers.
async fn large_picture(app: &TestApp) -> String {
    let image = app.uploaded(noise(2_000, 2_000, 1)).await;
    let path = format!(
        "/images/{}?size=1999x1999",
        image["publicID"].as_str().unwrap()
    );
    // Renders it beforehand, so that only the writing takes time.
    let answer = app.client.get(format!("{}{path}", app.url)).send().await;
    assert!(answer.unwrap().bytes().await.unwrap().len() > 8_000_000);
    path
}

/// Counts the server's descriptors, because the peer cannot see the end: the kernel still holds
/// unread data for it.
async fn until_let_go(app: &TestApp, sockets_before: usize) {
    while sockets(app.process_id()) > sockets_before {
        tokio::time::sleep(DEADLINE / 20).await;
    }
}

/// A peer over HTTP/1.1 that has asked for a large picture and read nothing yet.
struct LargeAnswer {
    app: TestApp,
    path: String,
    peer: TcpStream,
    sockets_before: usize,
}

impl LargeAnswer {
    async fn begin() -> Self {
        let mut app = server(&[ANSWER]).await;
        let path = large_picture(&app).await;
        app.client = photolog_tests::client();
        let server = app.url.trim_start_matches("http://").parse().unwrap();
        until_quiet(&app).await;
        let sockets_before = sockets(app.process_id());
        let peer = connect_without_buffer(Ipv4Addr::new(127, 0, 1, 1), server).await;
        let mut peer = peer.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nAccept: image/png\r\n\r\n");
        peer.write_all(request.as_bytes()).await.unwrap();
        until_taken(&app, sockets_before).await;
        Self {
            app,
            path,
            peer,
            sockets_before,
        }
    }
}

#[tokio::test]
async fn an_answer_that_is_not_read_is_ended() {
    let LargeAnswer {
        app,
        path,
        peer: unread,
        sockets_before,
    } = LargeAnswer::begin().await;
    let let_go = until_let_go(&app, sockets_before);
    assert_ends("an answer that is not read over HTTP/1.1", let_go).await;
    drop(unread);

    let stream = peer(&app).await;
    let mut closed = Http2::begin(stream, 0).await.unwrap();
    let request = head("GET", &path, &[("accept", "image/png")]);
    closed.request(&request, true).await.unwrap();
    let until_ended = async {
        while let Ok(frame) = closed.next_frame().await
            && !frame.is_an_end()
        {}
    };
    assert_ends("an answer into a closed window", until_ended).await;
}

/// It reads all the time, far more slowly than the minimum rate.
#[tokio::test]
async fn an_answer_that_is_read_too_slowly_is_ended() {
    let LargeAnswer {
        app,
        peer: mut slow,
        sockets_before,
        ..
    } = LargeAnswer::begin().await;
    let read = async {
        loop {
            let mut little = [0; 512];
            if matches!(slow.read(&mut little).await, Ok(0) | Err(_)) {
                return;
            }
            tokio::time::sleep(DEADLINE / 8).await;
        }
    };
    let ended = async {
        tokio::select! {
            () = read => {}
            () = until_let_go(&app, sockets_before) => {}
        }
    };
    assert_ends("an answer that is read too slowly", ended).await;
}

/// Waits until the server has accepted a connection.
async fn until_taken(app: &TestApp, sockets_before: usize) {
    while sockets(app.process_id()) <= sockets_before {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Waits until the server's connections to earlier clients have closed.
async fn until_quiet(app: &TestApp) {
    let mut before = usize::MAX;
    loop {
        let now = sockets(app.process_id());
        if now == before {
            return;
        }
        before = now;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
