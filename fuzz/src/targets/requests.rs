//! The parts of a request: query, path, headers, bodies, forms, tokens.

use bytes::Bytes;
use photolog_api::fuzz;
use photolog_rendition::{
    Dimensions, MAX_RENDITION_SIDE, MasterInfo, MediaType, RequestedSize, if_none_match, negotiate,
};

use super::{kind, magnitude, texts};
use crate::Target;
use crate::limits::TEXT;

type Row = (
    &'static str,
    fn(&[u8]) -> u64,
    fn() -> Vec<Vec<u8>>,
    &'static [&'static str],
);

pub(super) fn targets() -> Vec<Target> {
    ROWS.iter()
        .map(|(name, run, seeds, dictionary)| Target {
            name,
            run: *run,
            dictionary,
            repair: None,
            seeds: *seeds,
            longest: 64 << 10,
            limits: TEXT,
        })
        .collect()
}

const ROWS: &[Row] = &[
    (
        "size",
        size,
        || texts(&["400x300", "0x0", "99999x1", "", "1x"]),
        &["x", "0", "99999"],
    ),
    ("accept", accept, accept_seeds, ACCEPT),
    (
        "if_none_match",
        none_match,
        || texts(&["*", "\"ab\", W/\"cd\"", "\"ab-400x200-jpg-v2\""]),
        TAGS,
    ),
    ("headers", headers, headers_seeds, TAGS),
    (
        "query",
        query,
        || {
            texts(&[
                "size=400x300&limit=10",
                "a=%20+&a=2&c&limit=-1",
                "type=a,b&cursor=7",
            ])
        },
        QUERY,
    ),
    ("path", path, path_seeds, PATH),
    (
        "token",
        token,
        token_seeds,
        &["plt_", ".", "e30", "=", "-", "_"],
    ),
    ("scopes", scopes, scope_seeds, SCOPES),
    (
        "signature_date",
        date,
        date_seeds,
        &["GMT", "+0000", "Sat, ", " Nov ", ":", "2026"],
    ),
    (
        "signature",
        signature,
        || texts(&["PUT\n\ntext/json\ndate\n/files/\n00ff", "\nzz"]),
        &["\n", "00", "ff"],
    ),
    ("bodies", bodies, bodies_seeds, JSON),
    ("multipart", multipart, multipart_seeds, MULTIPART),
];

const ACCEPT: &[&str] = &[
    "image/png",
    "image/jpeg",
    "image/webp",
    "image/*",
    "*/*",
    ";q=",
    "0.5",
    "q=0",
    ",",
    ";",
    "\"",
    "\\",
];
const TAGS: &[&str] = &["\"", "W/", ",", "*", "\"3\"", "Basic ", ":"];
const QUERY: &[&str] = &[
    "&", "=", "%", "+", "%ff", "size=", "limit=", "type=", "as_of=",
];
const PATH: &[&str] = &[
    "/", "//", "%2F", "..", "images", "accounts", "metadata", "v2.1", "%", "{image}",
];
const SCOPES: &[&str] = &[" ", "/accounts", "/images", ".read", ".write", "-"];
const JSON: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    "\"",
    ":",
    ",",
    "null",
    "\\u0000",
    "\\ud800",
    "1e999",
    "\"metadata\"",
    "\"altText\"",
    "\"auth\"",
];
const MULTIPART: &[&str] = &[
    "--b",
    "--b--",
    "\r\n",
    "\r\n\r\n",
    "Content-Disposition: form-data; name=\"image\"",
    "Content-Type: text/plain",
    "filename*=",
    "boundary=",
    ";",
    "\"",
    "\0",
];

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn size(bytes: &[u8]) -> u64 {
    let size = RequestedSize::parse(&text(bytes));
    if let Ok(size) = &size {
        for (width, height) in [(1, 1), (1, 2_048), (2_048, 1), (640, 427), (2_048, 2_048)] {
            let shown = size.effective(Dimensions { width, height });
            assert!((1..=width).contains(&shown.width) && (1..=height).contains(&shown.height));
            assert!(shown.width.max(shown.height) <= MAX_RENDITION_SIDE);
        }
    }
    kind(size.is_ok())
}

fn accept(bytes: &[u8]) -> u64 {
    let master = MasterInfo {
        media_type: MediaType::Png,
        dimensions: Dimensions {
            width: 64,
            height: 43,
        },
        has_alpha: true,
    };
    kind(negotiate(Some(&text(bytes)), &master))
}

fn accept_seeds() -> Vec<Vec<u8>> {
    texts(&[
        "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8",
        "image/jpeg;q=1, image/png;q=0.7, image/webp;q=0",
        "text/html;level=\"1,2\";q=0.4",
        "",
    ])
}

fn none_match(bytes: &[u8]) -> u64 {
    kind(if_none_match(&text(bytes), "\"ab-400x200-jpg-v2\""))
}

fn headers(bytes: &[u8]) -> u64 {
    kind(fuzz::headers(bytes))
}

fn headers_seeds() -> Vec<Vec<u8>> {
    texts(&[
        "\"3\", W/\"4\"",
        "*",
        "order-7:retry.2",
        "cGxrX2E6cGxzX2I=",
        "\u{e9}",
    ])
}

fn query(bytes: &[u8]) -> u64 {
    kind(fuzz::query(&text(bytes)).map(|number| magnitude(number as usize)))
}

fn path(bytes: &[u8]) -> u64 {
    kind(fuzz::path(&text(bytes)))
}

fn path_seeds() -> Vec<Vec<u8>> {
    texts(&[
        "/images/abcdefghij_-ABCDEFGH1",
        "/accounts/0190f7c2-1111-7aaa-8bbb-123456789abc/images/0190f7c2-1111-7aaa-8bbb-123456789abc",
        "/files/0190f7c2-1111-7aaa-8bbb-123456789abc/metadata/a%20b/",
        "/images/%2F/metadata/..",
        "*",
    ])
}

fn token(bytes: &[u8]) -> u64 {
    kind(fuzz::token(&text(bytes)))
}

fn token_seeds() -> Vec<Vec<u8>> {
    texts(&["plt_e30.AAAA", "plt_.", "", &fuzz::issued_token()])
}

fn date(bytes: &[u8]) -> u64 {
    kind(fuzz::signature_date(&text(bytes)))
}

fn date_seeds() -> Vec<Vec<u8>> {
    texts(&[
        "Sat, 21 Nov 2026 04:36:26 GMT",
        "Sat, 21 Nov 2026, 04:36:26 GMT",
        "21 Nov 26 04:36 -2359",
    ])
}

fn signature(bytes: &[u8]) -> u64 {
    let text = text(bytes);
    let (signed, proof) = text.rsplit_once('\n').unwrap_or(("", &text));
    let holds = fuzz::signature(signed, proof);
    assert!(!holds, "a forged signature verifies");
    kind(holds)
}

fn bodies(bytes: &[u8]) -> u64 {
    kind(fuzz::bodies(bytes))
}

fn bodies_seeds() -> Vec<Vec<u8>> {
    texts(&[
        r#"{"altText": "a cat \ud83d\udc08"}"#,
        r#"{"metadata": {"a": "1", "b": "2"}}"#,
        r#"{"auth": {"identity": {"methods": ["password"], "password": {"user": {"name": "a",
            "password": "b"}}}, "scope": {"project": {"id": "c"}}}}"#,
        r#""a text""#,
    ])
}

fn scopes(bytes: &[u8]) -> u64 {
    kind(fuzz::scopes(&text(bytes)))
}

fn scope_seeds() -> Vec<Vec<u8>> {
    texts(&[
        "images.read images.write",
        "/accounts.read /accounts/00000000-0000-0000-0000-000000000000/images.write",
        "/accounts/0190f7c2-1111-7aaa-8bbb-123456789abc/profile.read",
    ])
}

/// The first byte is the length of a chunk, the first line the content type, the rest the form.
fn multipart(bytes: &[u8]) -> u64 {
    let Some((chunk, rest)) = bytes.split_first() else {
        return 0;
    };
    let end = rest
        .iter()
        .position(|byte| *byte == b'\n')
        .unwrap_or(rest.len());
    let (content_type, body) = rest.split_at(end);
    let body = body.get(1..).unwrap_or_default();
    let chunks = body.chunks(usize::from(*chunk) * 16 + 1);
    let chunks = chunks.map(Bytes::copy_from_slice).collect();
    let form = fuzz::multipart(&text(content_type), chunks);
    kind(form.map(|(parts, length)| (magnitude(parts), magnitude(length))))
}

fn multipart_seeds() -> Vec<Vec<u8>> {
    let form = "multipart/form-data; boundary=b\n--b\r\n\
        Content-Disposition: form-data; name=\"image\"; filename=\"p.png\"\r\n\
        Content-Type: image/png\r\n\r\npicture\r\n--b\r\n\
        Content-Disposition: form-data; name=metadata\r\n\r\n{\"altText\": \"a\"}\r\n--b--\r\n";
    ["\0", "\u{1}", "\u{7f}"]
        .map(|chunk| format!("{chunk}{form}").into_bytes())
        .into()
}
