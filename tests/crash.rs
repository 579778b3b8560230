//! The program is killed at random moments under load, repeatedly: every acknowledged write is
//! there, and no partial write is ever visible.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use photolog_tests::{TestApp, pictures};
use reqwest::multipart::{Form, Part};
use reqwest::{Client, Method};
use serde_json::{Value, json};

const ROUNDS: u32 = 50;
const WRITERS: u32 = 6;

/// What the program acknowledged, and what may or may not have happened.
#[derive(Default)]
struct Ledger {
    /// Acknowledged uploads and their last acknowledged text.
    acknowledged: HashMap<String, Option<String>>,
    /// Texts that were sent without a response.
    unanswered: HashMap<String, Vec<String>>,
    /// Seeds of uploads that were sent without a response.
    open_uploads: Vec<u32>,
}

struct Writer {
    client: Client,
    url: String,
    key: (String, String),
    ledger: Arc<Mutex<Ledger>>,
}

impl Writer {
    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.url));
        request.basic_auth(&self.key.0, Some(&self.key.1))
    }

    /// Uploads pictures and describes them until the program is gone.
    async fn write(self, first_seed: u32) {
        for seed in first_seed.. {
            self.ledger.lock().unwrap().open_uploads.push(seed);
            let part = Part::bytes(pictures::png(seed)).file_name("p");
            let form = Form::new().part("image", part);
            let Ok(answer) = self
                .request(Method::POST, "/images")
                .multipart(form)
                .send()
                .await
            else {
                return;
            };
            assert_eq!(answer.status(), 201, "every picture is new");
            let Ok(image) = answer.json::<Value>().await else {
                return;
            };
            let image = image["imageID"].as_str().unwrap().to_owned();
            {
                let mut ledger = self.ledger.lock().unwrap();
                ledger.acknowledged.insert(image.clone(), None);
                ledger.open_uploads.retain(|open| *open != seed);
            }
            for number in 0..3 {
                let text = format!("text {number} of {seed}");
                let sent = text.clone();
                self.ledger
                    .lock()
                    .unwrap()
                    .unanswered
                    .entry(image.clone())
                    .or_default()
                    .push(sent);
                let request = self.request(Method::PUT, &format!("/images/{image}/metadata"));
                match request.json(&json!({ "altText": text })).send().await {
                    Ok(answer) if answer.status() == 200 => {
                        let mut ledger = self.ledger.lock().unwrap();
                        ledger.acknowledged.insert(image.clone(), Some(text));
                        ledger.unanswered.remove(&image);
                    }
                    Ok(answer) => panic!("{}", answer.status()),
                    Err(_) => return,
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_acknowledged_write_is_lost_and_no_half_image_is_seen() {
    let mut app = TestApp::with([("PHOTOLOG_IMAGES_PER_ACCOUNT", "1000000")]).await;
    let ledger = Arc::new(Mutex::new(Ledger::default()));
    for round in 0..ROUNDS {
        let writers: Vec<_> = (0..WRITERS)
            .map(|number| {
                let writer = Writer {
                    client: photolog_tests::client(),
                    url: format!("{}/accounts/{}", app.url, app.account),
                    key: app.key.clone(),
                    ledger: ledger.clone(),
                };
                tokio::spawn(writer.write((round * WRITERS + number) * 10_000))
            })
            .collect();
        // A different moment every round, from the first upload to the middle of many.
        let moment = Duration::from_micros(u64::from(20_000 + round * 7_919 % 150_000));
        tokio::time::sleep(moment).await;
        app.kill();
        for writer in writers {
            writer.await.unwrap();
        }
        app.restart().await;
        check(&app, &ledger).await;
    }
    let verified = app.command(&["verify"]);
    assert!(
        verified.status.success(),
        "{}",
        String::from_utf8_lossy(&verified.stdout)
    );
    let acknowledged = ledger.lock().unwrap().acknowledged.len();
    assert!(
        acknowledged > ROUNDS as usize,
        "{acknowledged} uploads in {ROUNDS} rounds"
    );
}

async fn check(app: &TestApp, ledger: &Mutex<Ledger>) {
    let mut listed = HashMap::new();
    loop {
        let path = format!("/images?count=1000&skip={}", listed.len());
        let page: Vec<Value> = app.get(&path).await.json().await.unwrap();
        let last = page.len() < 1_000;
        listed.extend(
            page.into_iter()
                .map(|image| (image["imageID"].as_str().unwrap().to_owned(), image)),
        );
        if last {
            break;
        }
    }
    let (acknowledged, open_uploads) = {
        let mut ledger = ledger.lock().unwrap();
        for (image, text) in &ledger.acknowledged {
            let shown = listed.get(image).expect("an acknowledged upload is listed");
            let shown = shown["altText"].as_str();
            let sent = ledger.unanswered.get(image).into_iter().flatten();
            let mut possible = sent
                .map(|sent| Some(sent.as_str()))
                .chain([text.as_deref()]);
            assert!(
                possible.any(|text| text == shown),
                "{shown:?} was never written"
            );
        }
        // By now, every request without a response has been decided one way or the other.
        for (image, shown) in &listed {
            let text = shown["altText"].as_str().map(str::to_owned);
            ledger.acknowledged.insert(image.clone(), text);
        }
        ledger.unanswered.clear();
        (
            ledger.acknowledged.len(),
            std::mem::take(&mut ledger.open_uploads),
        )
    };
    assert_eq!(acknowledged, listed.len());
    // A later upload repairs whatever an unanswered one left.
    for seed in open_uploads {
        let answer = app.upload(pictures::png(seed)).await;
        let status = answer.status();
        let image: Value = answer.json().await.unwrap();
        assert!(
            status == 201
                || (status == 409 && listed.contains_key(image["imageID"].as_str().unwrap())),
            "{status}"
        );
        let id = image["imageID"].as_str().unwrap().to_owned();
        ledger
            .lock()
            .unwrap()
            .acknowledged
            .entry(id)
            .or_insert(None);
        let picture = app
            .public(image["publicID"].as_str().unwrap(), "", None)
            .await;
        assert_eq!(picture.status(), 200, "a listed image can be looked at");
    }
}
