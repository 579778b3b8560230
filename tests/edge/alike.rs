//! Edge and origin get the same requests and must give the same responses.

use std::collections::BTreeMap;

use bytes::Bytes;
use image::ImageFormat;
use photolog_tests::edge::Edge;
use reqwest::Method;

/// Headers that differ between responses. The origin sends request ids, for which the edge has no
/// log.
const OF_THE_MOMENT: &[&str] = &[
    "connection",
    "date",
    "x-compute-request-id",
    "x-request-id",
    "x-uploadcare-request-id",
];

/// Everything about a response that must be alike.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Bytes,
}

/// A request.
#[derive(Clone, Copy)]
pub(crate) struct Question<'a> {
    pub(crate) method: &'a Method,
    pub(crate) path: &'a str,
    pub(crate) headers: &'a [(&'a str, &'a str)],
}

impl<'a> Question<'a> {
    pub(crate) fn get(path: &'a str, headers: &'a [(&'a str, &'a str)]) -> Self {
        Self {
            method: &Method::GET,
            path,
            headers,
        }
    }

    /// The response of the server at `base`.
    pub(crate) async fn ask(&self, edge: &Edge, base: &str) -> Answer {
        let url = format!("{base}{}", self.path);
        let mut request = edge.client.request(self.method.clone(), url);
        for (name, value) in self.headers {
            request = request.header(*name, *value);
        }
        let answer = request.send().await.unwrap();
        let headers = answer.headers().iter().map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes());
            (name.to_string(), value.into_owned())
        });
        let mut headers: BTreeMap<_, _> = headers
            .filter(|(name, _)| !OF_THE_MOMENT.contains(&name.as_str()))
            .collect();
        let status = answer.status().as_u16();
        let body = answer.bytes().await.unwrap();
        if self.method == Method::GET && status == 200 {
            // Compared with its own body, because the bytes of the two bodies may differ.
            let length = headers.remove("content-length");
            assert_eq!(length, Some(body.len().to_string()));
        }
        Answer {
            status,
            headers,
            body,
        }
    }

    /// The response of both.
    pub(crate) async fn ask_both(&self, edge: &Edge) -> Answer {
        let at_edge = self.ask(edge, &edge.url).await;
        let at_origin = self.ask(edge, &edge.app.url).await;
        let what = format!("{} {} {:?}", self.method, self.path, self.headers);
        assert_eq!(at_edge.status, at_origin.status, "{what}");
        assert_eq!(at_edge.headers, at_origin.headers, "{what}");
        assert_same_picture(&at_edge, &at_origin, &what);
        at_edge
    }
}

/// PNG and JPEG have the same bytes. So has nearly every WebP; for some, the encoder finds two
/// equally good codes, and its sort prefers one natively and the other in WASM. Their pixels are
/// the same, because our WebP is lossless.
fn assert_same_picture(at_edge: &Answer, at_origin: &Answer, what: &str) {
    if at_edge.body == at_origin.body {
        return;
    }
    let decoded = [at_edge, at_origin].map(|answer| {
        let format = image::guess_format(&answer.body).ok();
        assert_eq!(
            format,
            Some(ImageFormat::WebP),
            "{what}: not the same bytes"
        );
        image::load_from_memory(&answer.body).unwrap()
    });
    assert!(decoded[0] == decoded[1], "{what}: not the same pixels");
}

/// `GET` with headers, at both.
pub(crate) async fn both(edge: &Edge, path: &str, headers: &[(&str, &str)]) -> Answer {
    Question::get(path, headers).ask_both(edge).await
}
