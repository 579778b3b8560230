//! Clients that write all the time, each to images of its own, and record every response.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use photolog_tests::pictures;
use photolog_tests::process::PATIENCE;
use photolog_tests::scaled::Scaled;
use reqwest::multipart::{Form, Part};
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};
use tokio::sync::{RwLock, RwLockWriteGuard};

/// The number of texts written to an image before the next one is uploaded.
const TEXTS_OF_AN_IMAGE: u32 = 15;

/// How a request ended: with a response, or with an unknown outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Acknowledged,
    Unknown,
}

/// The requests and their responses.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// Texts by image, in the order in which they were written.
    pub(super) texts: BTreeMap<String, Vec<(String, Answer)>>,
    /// The seeds of pictures whose upload got no response.
    pub(super) open_uploads: Vec<u32>,
}

/// The writers' shared state.
#[derive(Debug, Default)]
pub(super) struct Load {
    pub(super) ledger: Mutex<Ledger>,
    acknowledged: AtomicU64,
    stopped: AtomicBool,
    /// Read-locked by each request; under the write lock, nothing is in flight.
    gate: RwLock<()>,
}

/// How to reach the nodes.
#[derive(Clone, Debug)]
pub(super) struct Nodes {
    client: Client,
    urls: Vec<String>,
    key: (String, String),
}

impl Nodes {
    pub(super) fn of(scaled: &Scaled) -> Self {
        let urls = scaled.nodes.iter().map(|node| &node.url);
        Self {
            client: Client::builder()
                .timeout(Duration::from_secs(20))
                .build()
                .unwrap(),
            urls: urls
                .map(|url| format!("{url}/accounts/{}", scaled.account))
                .collect(),
            key: scaled.key.clone(),
        }
    }

    /// A request to one of the nodes, in turn.
    pub(super) fn request(&self, turn: u32, method: Method, path: &str) -> RequestBuilder {
        let url = &self.urls[turn as usize % self.urls.len()];
        let request = self.client.request(method, format!("{url}{path}"));
        request.basic_auth(&self.key.0, Some(&self.key.1))
    }
}

pub(super) fn picture(seed: u32) -> Form {
    let picture = Part::bytes(pictures::png(seed)).file_name("picture");
    Form::new().part("image", picture)
}

impl Load {
    /// Writes until stopped. Every text and every picture is unique.
    pub(super) async fn write(self: Arc<Self>, nodes: Nodes, writer: u32) {
        for number in 0_u32.. {
            let seed = writer * 1_000_000 + number;
            let Some(image) = self.upload(&nodes, seed).await else {
                continue;
            };
            for text in 0..TEXTS_OF_AN_IMAGE {
                if self.stopped.load(Ordering::Relaxed) {
                    return;
                }
                self.describe(&nodes, &image, seed + text, format!("{seed} {text}"))
                    .await;
            }
        }
    }

    async fn upload(&self, nodes: &Nodes, seed: u32) -> Option<String> {
        let _turn = self.gate.read().await;
        let request = nodes.request(seed, Method::POST, "/images");
        match answered(request.multipart(picture(seed))).await {
            Some(answer) => {
                assert_eq!(answer.status(), 201, "every picture is new");
                let image = answer.json::<Value>().await.ok();
                let image = image.and_then(|image| Some(image["imageID"].as_str()?.to_owned()));
                if let Some(image) = &image {
                    let mut ledger = self.ledger.lock().unwrap();
                    ledger.texts.insert(image.clone(), Vec::new());
                    self.acknowledged.fetch_add(1, Ordering::Relaxed);
                } else {
                    self.ledger.lock().unwrap().open_uploads.push(seed);
                }
                image
            }
            None => {
                self.ledger.lock().unwrap().open_uploads.push(seed);
                tokio::time::sleep(Duration::from_millis(50)).await;
                None
            }
        }
    }

    async fn describe(&self, nodes: &Nodes, image: &str, turn: u32, text: String) {
        let _turn = self.gate.read().await;
        let request = nodes.request(turn, Method::PUT, &format!("/images/{image}/metadata"));
        let answer = match answered(request.json(&json!({ "altText": text }))).await {
            Some(answer) => {
                assert_eq!(answer.status(), 200);
                self.acknowledged.fetch_add(1, Ordering::Relaxed);
                Answer::Acknowledged
            }
            None => {
                tokio::time::sleep(Duration::from_millis(50)).await;
                Answer::Unknown
            }
        };
        let mut ledger = self.ledger.lock().unwrap();
        let texts = ledger.texts.get_mut(image).unwrap();
        texts.push((text, answer));
    }

    /// Returns once writes are acknowledged again.
    pub(super) async fn wait_for_progress(&self) {
        let began = Instant::now();
        let enough = self.acknowledged.load(Ordering::Relaxed) + 20;
        while self.acknowledged.load(Ordering::Relaxed) < enough {
            assert!(
                began.elapsed() < PATIENCE,
                "nothing is acknowledged any more"
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits for the requests in flight, and starts no others.
    pub(super) async fn pause(&self) -> RwLockWriteGuard<'_, ()> {
        self.gate.write().await
    }

    /// Stops the writers.
    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }
}

/// The response, if the node took the request and reported its outcome.
async fn answered(request: RequestBuilder) -> Option<Response> {
    let answer = request.send().await.ok()?;
    (!answer.status().is_server_error()).then_some(answer)
}
