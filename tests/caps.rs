//! How much of everything one address or one key may hold at once.

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

/// Sends a request on a connection and reads the beginning of the response; empty if there is none.
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
    // Drops the connection that the start used, which would otherwise count.
    app.client = photolog_tests::client();
    let mut used = is_served(OTHER, &app).await.expect("a connection");
    let mut silent = Vec::new();
    for number in 1..MOST {
        let from = Ipv4Addr::new(127, 0, 3, number);
        silent.push(connect(from, server(&app)).await.unwrap());
    }
    // They have had the time to send a head.
    tokio::time::sleep(Duration::from_millis(1_100)).await;
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

/// A client: its credentials and its address.
struct Client {
    from: Ipv4Addr,
    /// The address in the proxy's header, if there is one.
    behind: Option<&'static str>,
    account: String,
    key: (String, String),
}

impl Client {
    fn head(&self, method: &str, path: &str, more: &str) -> String {
        let behind = self.behind.map_or_else(String::new, |address| {
            format!("X-Forwarded-For: 6.6.6.6, {address}\r\n")
        });
        format!(
            "{method} /accounts/{}{path} HTTP/1.1\r\nHost: x\r\nAuthorization: {}\r\n{behind}{more}\r\n",
            self.account,
            basic(&self.key)
        )
    }

    /// The beginning of the response to a read.
    async fn read(&self, app: &TestApp) -> String {
        let mut stream = connect(self.from, server(app)).await.unwrap();
        ask(&mut stream, self.head("GET", "/images", "").as_bytes()).await
    }

    /// A request that stays in flight because its body does not arrive.
    async fn stay(&self, app: &TestApp) -> TcpStream {
        let path = "/images/00000000-0000-4000-8000-000000000000/metadata";
        let more = "Content-Length: 9\r\nExpect: 100-continue\r\n";
        let mut stream = connect(self.from, server(app)).await.unwrap();
        let goes_on = ask(&mut stream, self.head("PUT", path, more).as_bytes()).await;
        // The server sends it when the handler reads the body.
        assert!(goes_on.starts_with("HTTP/1.1 100"), "{goes_on}");
        stream
    }

    async fn until_answered(&self, app: &TestApp, status: &str) -> String {
        let wanted = async {
            loop {
                let answer = self.read(app).await;
                if answer.starts_with(&format!("HTTP/1.1 {status}")) {
                    return answer;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let wanted = tokio::time::timeout(PATIENCE, wanted).await;
        wanted.unwrap_or_else(|_| panic!("{status} in time"))
    }
}

/// `holder` has two requests in flight, which is the limit: `same` is refused, `other` is not.
async fn assert_two_at_once(app: &TestApp, holder: Client, same: Client, other: Client) {
    let held = [holder.stay(app).await, holder.stay(app).await];
    let refused = same.until_answered(app, "429").await;
    assert!(refused.to_ascii_lowercase().contains("\r\nretry-after: "));
    let others = other.read(app).await;
    assert!(others.starts_with("HTTP/1.1 200"), "{others}");
    drop(held);
    same.until_answered(app, "200").await;
}

#[tokio::test]
async fn a_key_an_account_and_an_address_have_so_many_requests_and_no_more() {
    let client = |from, account: &str, key: &(String, String)| Client {
        from,
        behind: None,
        account: account.to_owned(),
        key: key.clone(),
    };
    for cap in [
        "PHOTOLOG_REQUESTS_PER_KEY",
        "PHOTOLOG_REQUESTS_PER_ACCOUNT",
        "PHOTOLOG_REQUESTS_PER_ADDRESS",
    ] {
        // The server notices that a request's client has left when its body is late.
        let body = ("PHOTOLOG_BODY_TIMEOUT_SECONDS", "2");
        let app = TestApp::with([(cap, "2"), body]).await;
        let second_key = app.issue_key("images.read");
        let (other_account, other_key) = app.open_account();
        let own = |from, key: &(String, String)| client(from, &app.account, key);
        let holder = own(ONE, &app.key);
        let (same, other) = match cap {
            "PHOTOLOG_REQUESTS_PER_KEY" => (own(OTHER, &app.key), own(ONE, &second_key)),
            "PHOTOLOG_REQUESTS_PER_ACCOUNT" => (
                own(OTHER, &second_key),
                client(ONE, &other_account, &other_key),
            ),
            _ => (
                client(ONE, &other_account, &other_key),
                own(OTHER, &app.key),
            ),
        };
        assert_two_at_once(&app, holder, same, other).await;
    }
}

#[tokio::test]
async fn behind_a_trusted_proxy_the_rightmost_address_counts() {
    let app = TestApp::with([
        ("PHOTOLOG_REQUESTS_PER_ADDRESS", "2"),
        ("PHOTOLOG_TRUSTED_PROXIES", "127.0.1.3"),
        ("PHOTOLOG_BODY_TIMEOUT_SECONDS", "2"),
    ])
    .await;
    let behind = |from, address| Client {
        from,
        behind: Some(address),
        account: app.account.clone(),
        key: app.key.clone(),
    };
    let by_proxy = |address| behind(PROXY, address);
    let one = "198.51.100.1";
    assert_two_at_once(&app, by_proxy(one), by_proxy(one), by_proxy("198.51.100.2")).await;
    // Any client can send the header.
    let direct = |address| behind(ONE, address);
    assert_two_at_once(
        &app,
        direct("198.51.100.3"),
        direct("198.51.100.4"),
        by_proxy(one),
    )
    .await;
}

#[tokio::test]
async fn an_account_has_so_many_feeds_and_no_more() {
    assert_two_feeds_of(
        TestApp::with([("PHOTOLOG_FEEDS_PER_ACCOUNT", "2"), CHECKS]).await,
        true,
    )
    .await;
}

#[tokio::test]
async fn a_key_has_so_many_feeds_and_no_more() {
    assert_two_feeds_of(
        TestApp::with([("PHOTOLOG_FEEDS_PER_KEY", "2"), CHECKS]).await,
        false,
    )
    .await;
}

/// The server notices that a feed's client has left when it writes to it.
const CHECKS: (&str, &str) = ("PHOTOLOG_FEED_CHECK_SECONDS", "1");

/// Asserts a limit of two feeds, shared by the keys of an account or separate for each key.
async fn assert_two_feeds_of(app: TestApp, are_of_account: bool) {
    let other_key = app.issue_key("history.read");
    let (other_account, others_key) = app.open_account();
    let open = async |account: &str, key: &(String, String)| {
        let request = format!(
            "GET /accounts/{account}/events HTTP/1.1\r\nHost: x\r\nAuthorization: {}\r\n\
             Accept: text/event-stream\r\n\r\n",
            basic(key)
        );
        let mut stream = connect(ONE, server(&app)).await.unwrap();
        let answer = ask(&mut stream, request.as_bytes()).await;
        (answer, stream)
    };
    let (first, first_stream) = open(&app.account, &app.key).await;
    let (second, _second_stream) = open(&app.account, &app.key).await;
    for answer in [&first, &second] {
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    let (refused, _) = open(&app.account, &app.key).await;
    assert!(refused.starts_with("HTTP/1.1 429"), "{refused}");
    assert!(refused.to_ascii_lowercase().contains("\r\nretry-after: "));
    let (same_account, _stream) = open(&app.account, &other_key).await;
    let status = if are_of_account { "429" } else { "200" };
    assert!(
        same_account.starts_with(&format!("HTTP/1.1 {status}")),
        "{same_account}"
    );
    let (others, _others_stream) = open(&other_account, &others_key).await;
    assert!(others.starts_with("HTTP/1.1 200"), "{others}");
    drop(first_stream);
    let again = async {
        while !open(&app.account, &app.key)
            .await
            .0
            .starts_with("HTTP/1.1 200")
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let again = tokio::time::timeout(PATIENCE, again).await;
    again.expect("a feed in the place of the one that ended");
}
