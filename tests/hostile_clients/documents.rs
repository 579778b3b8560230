//! Attacks with JSON and forms that are more expensive to read than to send.

use tokio::io::AsyncWriteExt;

use photolog_tests::peer::until_closed;

use super::connections::hold_many;
use super::siege::Attacker;

/// The largest document that any endpoint accepts, in bytes.
const DOCUMENT_BYTES: usize = 1_000_000;

/// Documents of every bad shape, to every endpoint that reads JSON.
pub(super) async fn json(attacker: Attacker) {
    let documents = [
        members(60_000),
        nested(),
        duplicates(),
        format!(
            "{{\"metadata\": {{\"k\": \"{}\"}}}}",
            "x".repeat(DOCUMENT_BYTES - 100)
        ),
        format!(
            "{{\"metadata\": {{\"k\": \"{}\"}}}}",
            "\\u00fc".repeat(DOCUMENT_BYTES / 6 - 100)
        ),
        format!("[{}1]", "1,".repeat(DOCUMENT_BYTES / 2 - 10)),
    ];
    let image = &attacker.target.image;
    let moov = format!(
        "/accounts/{}/images/{image}/metadata",
        attacker.target.account
    );
    let openstack = format!("/v2.1/images/{image}/metadata");
    let endpoints = [
        ("POST", openstack.as_str()),
        ("PUT", openstack.as_str()),
        ("PUT", moov.as_str()),
        ("POST", "/v3/auth/tokens"),
        ("POST", "/oauth2/token"),
    ];
    loop {
        for (method, path) in endpoints {
            for document in &documents {
                let head = format!(
                    "{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {}\r\nX-Auth-Token: {}\r\n\
                     Content-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
                    attacker.target.authorization,
                    attacker.target.token,
                    document.len()
                );
                // Refusals are expected.
                let _ = attacker
                    .exchange([head, document.clone()].concat().as_bytes())
                    .await;
            }
        }
        tokio::time::sleep(super::FLOOD_PAUSE).await;
    }
}

fn members(count: usize) -> String {
    let members: Vec<_> = (0..count)
        .map(|number| format!("\"{number}\": \"\""))
        .collect();
    format!("{{\"metadata\": {{{}}}}}", members.join(","))
}

fn nested() -> String {
    let depth = DOCUMENT_BYTES / 6;
    format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth))
}

fn duplicates() -> String {
    format!(
        "{{{}\"metadata\": {{}}}}",
        "\"metadata\": {},".repeat(DOCUMENT_BYTES / 16 - 10)
    )
}

fn form(attacker: &Attacker, length: usize) -> String {
    format!(
        "POST /accounts/{}/images HTTP/1.1\r\nHost: x\r\nAuthorization: {}\r\n\
         Content-Type: multipart/form-data; boundary=b\r\nContent-Length: {length}\r\n\r\n",
        attacker.target.account, attacker.target.authorization
    )
}

/// Forms whose first part has a head of 15 MiB that does not end, sixty at a time.
pub(super) async fn part_heads(attacker: Attacker) {
    const HEAD_BYTES: usize = 15 << 20;
    const PIECE: usize = 64 << 10;
    let piece = vec![b'x'; PIECE];
    hold_many(attacker.share(60), || async {
        let mut stream = attacker.connect().await?;
        let begin = form(&attacker, HEAD_BYTES + 10_000);
        stream.write_all(begin.as_bytes()).await?;
        stream
            .write_all(b"--b\r\nContent-Disposition: form-data; name=\"image\"\r\nX: ")
            .await?;
        for _ in 0..HEAD_BYTES / PIECE {
            stream.write_all(&piece).await?;
        }
        until_closed(&mut stream).await;
        Ok(())
    })
    .await;
}

/// Forms of many thousand parts.
pub(super) async fn parts(attacker: Attacker) {
    const PARTS: usize = 50_000;
    let named = "--b\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\n\r\n";
    let bodies = [named.repeat(PARTS), "--b\r\n\r\n\r\n".repeat(PARTS)];
    loop {
        for body in &bodies {
            let request = form(&attacker, body.len()) + body;
            // Refusals are expected.
            let _ = attacker.exchange(request.as_bytes()).await;
        }
        tokio::time::sleep(super::FLOOD_PAUSE).await;
    }
}
