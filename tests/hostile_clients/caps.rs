//! How much of everything one address or one key may hold.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use photolog_tests::TestApp;
use photolog_tests::peer::{connect, until_closed};
use photolog_tests::raw::basic;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const PATIENCE: Duration = Duration::from_secs(10);
const HEALTH: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";

const ONE: Ipv4Addr = Ipv4Addr::new(127, 0, 1, 1);
const OTHER: Ipv4Addr = Ipv4Addr::new(127, 0, 1, 2);
const PROXY: Ipv4Addr = Ipv4Addr::new(127, 0, 1, 3);

fn server(app: &TestApp) -> SocketAddr {
    app.url.trim_start_matches("http://").parse().unwrap()
}

/// Sends a request on a connection and reads the beginning of the answer; empty when there is none.
async fn ask(stream: &mut TcpStream, request: &[u8]) -> String {
    let mut answer = vec![0; 65_536];
    let both = async {
        // A server may have closed the connection already.
        stream.write_all(request).await.ok()?;
        stream.read(&mut answer).await.ok()
    };
    let count = tokio::time::timeout(PATIENCE, both)
        .await
        .expect("an answer or an end");
    String::from_utf8_lossy(&answer[..count.unwrap_or(0)]).into_owned()
}

async fn is_served(from: Ipv4Addr, app: &TestApp) -> Option<TcpStream> {
    let mut stream = connect(from, server(app)).await.ok()?;
    let answer = ask(&mut stream, HEALTH).await;
    answer.starts_with("HTTP/1.1 200").then_some(stream)
}

#[tokio::test]
async fn an_address_holds_so_many_connections_and_no_more() {
    const MOST: usize = 8;
    let app = TestApp::with([
        ("PHOTOLOG_CONNECTIONS_PER_ADDRESS", "8"),
        ("PHOTOLOG_TRUSTED_PROXIES", "127.0.1.3"),
    ])
    .await;
    let mut held = Vec::new();
    for _ in 0..MOST {
        held.push(
            is_served(ONE, &app)
                .await
                .expect("one of those that it may have"),
        );
    }
    assert!(
        is_served(ONE, &app).await.is_none(),
        "one more than it may have"
    );
    assert!(is_served(OTHER, &app).await.is_some(), "another address");
    let mut proxied = Vec::new();
    for _ in 0..2 * MOST {
        proxied.push(is_served(PROXY, &app).await.expect("a proxy has no cap"));
    }
    held.pop();
    let again = async {
        while is_served(ONE, &app).await.is_none() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let again = tokio::time::timeout(PATIENCE, again).await;
    again.expect("a place of its own that is free again");
}

#[tokio::test]
async fn when_all_places_are_taken_the_oldest_connection_without_a_head_goes() {
    const MOST: u8 = 16;
    let mut app = TestApp::with([("PHOTOLOG_CONNECTIONS", "16")]).await;
    // The connection that the start has used takes no place.
    app.client = photolog_tests::client();
    let mut used = is_served(OTHER, &app).await.expect("a connection");
    let mut silent = Vec::new();
    for number in 1..=MOST {
        let from = Ipv4Addr::new(127, 0, 3, number);
        silent.push(connect(from, server(&app)).await.unwrap());
    }
    assert!(
        is_served(ONE, &app).await.is_some(),
        "it is served all the same"
    );
    let gone = tokio::time::timeout(PATIENCE, until_closed(&mut silent[0])).await;
    gone.expect("the oldest silent connection goes");
    let answer = ask(&mut used, HEALTH).await;
    assert!(
        answer.starts_with("HTTP/1.1 200"),
        "an older one that asked stays"
    );
}

#[tokio::test]
async fn a_key_has_so_many_feeds_and_no_more() {
    // A feed that its client has left is noticed when it is written to.
    let app = TestApp::with([
        ("PHOTOLOG_FEEDS_PER_KEY", "2"),
        ("PHOTOLOG_FEED_CHECK_SECONDS", "1"),
    ])
    .await;
    let other_key = app.issue_key("history.read");
    let open = async |key: &(String, String)| {
        let request = format!(
            "GET /accounts/{}/events HTTP/1.1\r\nHost: x\r\nAuthorization: {}\r\n\
             Accept: text/event-stream\r\n\r\n",
            app.account,
            basic(key)
        );
        let mut stream = connect(ONE, server(&app)).await.unwrap();
        let answer = ask(&mut stream, request.as_bytes()).await;
        (answer, stream)
    };
    let (first, first_stream) = open(&app.key).await;
    let (second, _second_stream) = open(&app.key).await;
    for answer in [&first, &second] {
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    let (refused, _) = open(&app.key).await;
    assert!(refused.starts_with("HTTP/1.1 429"), "{refused}");
    assert!(refused.to_ascii_lowercase().contains("\r\nretry-after: "));
    let (others, _others_stream) = open(&other_key).await;
    assert!(others.starts_with("HTTP/1.1 200"), "{others}");
    drop(first_stream);
    let again = async {
        while !open(&app.key).await.0.starts_with("HTTP/1.1 200") {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let again = tokio::time::timeout(PATIENCE, again).await;
    again.expect("a feed in the place of the one that ended");
}
