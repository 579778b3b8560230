//! Edge and origin are asked the same and answer the same.

use std::collections::BTreeMap;

use bytes::Bytes;
use photolog_tests::edge::Edge;
use reqwest::Method;

/// These differ from answer to answer. The origin tells request ids, for which the edge has no log.
const OF_THE_MOMENT: &[&str] = &[
    "connection",
    "date",
    "x-compute-request-id",
    "x-request-id",
    "x-uploadcare-request-id",
];

/// All of an answer that must be alike.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Bytes,
}

/// A question.
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

    /// What the server at `base` answers.
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
        Answer {
            status: answer.status().as_u16(),
            headers: headers
                .filter(|(name, _)| !OF_THE_MOMENT.contains(&name.as_str()))
                .collect(),
            body: answer.bytes().await.unwrap(),
        }
    }

    /// What both answer.
    pub(crate) async fn ask_both(&self, edge: &Edge) -> Answer {
        let at_edge = self.ask(edge, &edge.url).await;
        let at_origin = self.ask(edge, &edge.app.url).await;
        let what = format!("{} {} {:?}", self.method, self.path, self.headers);
        assert_eq!(at_edge.status, at_origin.status, "{what}");
        assert_eq!(at_edge.headers, at_origin.headers, "{what}");
        // Two answers with the same strong ETag must have the same bytes (RFC 9110, 8.8.1).
        assert!(
            at_edge.body == at_origin.body,
            "{what}: {} and {} bytes, not the same",
            at_edge.body.len(),
            at_origin.body.len()
        );
        at_edge
    }
}

/// `GET` with headers, of both.
pub(crate) async fn both(edge: &Edge, path: &str, headers: &[(&str, &str)]) -> Answer {
    Question::get(path, headers).ask_both(edge).await
}
