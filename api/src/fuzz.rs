//! The parsers of client input as functions of bytes: entry points of the fuzz targets, for parsers
//! that are otherwise private to this crate. Built only with the feature `fuzz`.
//!
//! Each function panics when an invariant is broken; its result distinguishes kinds of outcomes.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use bytes::Bytes;
use futures::{FutureExt, stream};
use http::{HeaderMap, HeaderValue, Method};
use photolog_domain::{AccountId, Image, ImageEvent, Scope};
use photolog_store::{ActorNames, Recorded, TokenSecret};
use uuid::Uuid;

use crate::auth::decode_basic;
use crate::auth::token::{ACCESS_MILLIS, Token, TokenKind, TokenSigner, Unverified};
use crate::dialect::moov::client::Parameters as TokenParameters;
use crate::dialect::moov::scope;
use crate::dialect::moov::wire::MetadataRequest;
use crate::dialect::openstack::{identity, wire};
use crate::dialect::photolog::history::entry;
use crate::dialect::unique::UniqueMembers;
use crate::dialect::uploadcare::signature;
use crate::http::client_address::client_address;
use crate::http::conditional::IfMatch;
use crate::http::multipart::Multipart;
use crate::http::path::Query;
use crate::http::request::RequestId;
use crate::routes::{DIALECTS, Dialects};

/// Reads a multipart form to its end; its number of parts and bytes, or `None` when it is invalid.
pub fn multipart(content_type: &str, chunks: Vec<Bytes>) -> Option<(usize, usize)> {
    let sent: usize = chunks.iter().map(Bytes::len).sum();
    let chunks = stream::iter(chunks.into_iter().map(Ok));
    let mut form = Multipart::new(chunks, content_type).ok()?;
    let read = async {
        let (mut parts, mut length) = (0, 0);
        while form.next_part().await.ok()?.is_some() {
            parts += 1;
            while let Some(piece) = form.data().await.ok()? {
                length += piece.len();
            }
        }
        Some((parts, length))
    };
    // All chunks are available, so the future never waits.
    let form = read
        .now_or_never()
        .expect("a form without anything to wait for");
    assert!(form.is_none_or(|(_, length)| length <= sent));
    form
}

/// The `Date` of a signed request.
pub fn signature_date(text: &str) -> bool {
    signature::parse_date(text).is_some()
}

/// A signature over a text; only the real one verifies.
pub fn signature(text: &str, proof: &str) -> bool {
    signature::verifies(b"0123456789abcdef0123", text, proof)
}

/// A query: look-ups are consistent, and a number fits an `int64`.
pub fn query(raw: &str) -> Option<u64> {
    let query = Query::read(raw).ok()?;
    for name in ["size", "as_of", "type", ""] {
        assert_eq!(query.get(name), query.all(name).next());
    }
    let number = query.number("limit", 7).ok()?;
    assert!(i64::try_from(number).is_ok());
    Some(number)
}

/// Matches a raw path against the routes of all dialects; whether one fits.
pub fn path(raw: &str) -> bool {
    let (_, found) = Dialects(DIALECTS).find(&Method::GET, raw);
    found.is_ok_and(|(_, parameters)| !parameters.get("image").is_empty())
}

/// Request headers: `If-Match`, `Authorization`, `X-Request-Id`, `Forwarded`.
pub fn headers(bytes: &[u8]) -> bool {
    let Ok(value) = HeaderValue::from_bytes(bytes) else {
        return false;
    };
    let mut headers = HeaderMap::new();
    for name in ["if-match", "x-request-id", "x-forwarded-for"] {
        headers.insert(name, value.clone());
    }
    let id = RequestId::of(&headers);
    assert!(!id.as_str().is_empty() && id.as_str().len() <= 128);
    if let Ok(text) = value.to_str() {
        decode_basic(text);
    }
    let peer = IpAddr::V4(Ipv4Addr::LOCALHOST);
    client_address(peer, &headers, &[peer.into()]);
    headers.insert("forwarded", value);
    client_address(peer, &headers, &[peer.into()]);
    IfMatch::of(&headers).check(3).is_ok()
}

/// When the token was issued.
const THEN: i64 = 1_800_000_000_000;

/// A valid token.
pub fn issued_token() -> String {
    let token = Token {
        family: Uuid::nil(),
        secret_version: 1,
        issued_at: THEN,
        expires_at: THEN + ACCESS_MILLIS,
        kind: TokenKind::Access {
            scopes: BTreeSet::from(Scope::ALL),
        },
    };
    signer().sign(&token).unwrap_or_default()
}

fn signer() -> TokenSigner {
    TokenSigner::new(TokenSecret {
        version: 1,
        secret: [7; 32],
    })
}

/// A token; only the issued one is valid.
pub fn token(text: &str) -> bool {
    let token = Unverified::read(text).and_then(|token| token.verify(&signer()));
    let holds = token.is_some_and(|token| token.holds_at(THEN));
    assert!(!holds || text == issued_token(), "a forged token holds");
    holds
}

/// The scopes of a token request; it is never granted more than the key has.
pub fn scopes(asked: &str) -> Option<usize> {
    let held = BTreeSet::from([Scope::ImagesRead]);
    let granted = scope::narrow(asked, AccountId::new(Uuid::nil()), &held).ok()?;
    assert!(granted.scopes.is_subset(&held));
    Some(granted.scopes.len())
}

/// A body, parsed as each dialect does; how many parsers accept it.
pub fn bodies(body: &[u8]) -> usize {
    let moov = serde_json::from_slice::<MetadataRequest>(body)
        .is_ok_and(|metadata| metadata.alt_text("altText").is_ok());
    let openstack = serde_json::from_slice::<UniqueMembers<UniqueMembers<String>>>(body);
    let openstack = openstack.is_ok_and(|outer| {
        let mut entries = outer.0.iter().flat_map(|(_, entries)| &entries.0);
        entries.all(|(key, value)| wire::key(key).is_ok() && wire::value(value).is_ok())
    });
    let login = identity::is_request(body);
    let uploadcare = serde_json::from_slice::<String>(body).is_ok();
    let token = TokenParameters::from_json(body).is_ok();
    let form = TokenParameters::from_form(body).is_ok();
    [moov, openstack, login, uploadcare, token, form]
        .into_iter()
        .filter(|taken| *taken)
        .count()
}

/// A stream's history as CSV. Its fields can be read back, and none is a formula.
pub fn csv(events: Vec<Recorded<ImageEvent>>) -> usize {
    let entries: Vec<_> =
        entry::entries(&mut Image::default(), events, &ActorNames::default()).collect();
    let Ok(mut table) = entry::csv_head() else {
        panic!("a head line that cannot be written");
    };
    for entry in &entries {
        let Ok(row) = entry::csv_row(entry) else {
            panic!("an entry that cannot be written");
        };
        table.extend(row);
    }
    let mut reader = csv::Reader::from_reader(table.as_slice());
    let rows: Result<Vec<_>, _> = reader.records().collect();
    let Ok(rows) = rows else {
        panic!("a table that cannot be read");
    };
    assert_eq!(rows.len(), entries.len());
    for (row, entry) in rows.iter().zip(&entries) {
        let reason = entry.reason.as_deref().unwrap_or_default();
        let shown = row.get(7).unwrap_or_default();
        assert_eq!(
            shown.strip_prefix('\'').unwrap_or(shown),
            reason.strip_prefix('\'').unwrap_or(reason)
        );
        for text in row {
            assert!(
                !text.starts_with(['=', '+', '-', '@', '\t', '\r']),
                "{text:?}"
            );
        }
    }
    rows.len()
}
