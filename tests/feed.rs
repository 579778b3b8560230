//! The account feed: pages and live events.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures::StreamExt;
use photolog_tests::{TestApp, pictures};
use reqwest::{Method, Response};
use serde_json::{Value, json};
use sqlx::ConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;

const PATIENCE: Duration = Duration::from_secs(10);

/// Server-sent events as they arrive.
struct Listener {
    answer: Response,
    text: String,
}

/// One server-sent event.
#[derive(Debug)]
struct Sent {
    id: String,
    kind: String,
    data: Value,
}

impl Listener {
    async fn connect(app: &TestApp, query: &str, last_event_id: Option<&str>) -> Self {
        let request = app
            .request(Method::GET, &format!("/events{query}"))
            .header("accept", "text/event-stream");
        let request = match last_event_id {
            Some(id) => request.header("last-event-id", id),
            None => request,
        };
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        Self {
            answer,
            text: String::new(),
        }
    }

    /// The next event; `None` when the feed ends.
    async fn next(&mut self) -> Option<Sent> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let event = event.to_owned();
                self.text = rest.to_owned();
                let field = |name: &str| {
                    let mut lines = event.lines();
                    let line = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
                    line.map(str::to_owned)
                };
                // A heartbeat has no data.
                if let Some(data) = field("data") {
                    return Some(Sent {
                        id: field("id").unwrap(),
                        kind: field("event").unwrap(),
                        data: serde_json::from_str(&data).unwrap(),
                    });
                }
                continue;
            }
            let chunk = tokio::time::timeout(PATIENCE, self.answer.chunk()).await;
            let chunk = chunk.expect("an event in time").unwrap()?;
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }
}

#[tokio::test]
async fn a_listener_receives_what_happens_and_resumes_where_it_stopped() {
    let app = TestApp::spawn().await;
    app.uploaded(pictures::png(0)).await;
    let mut listener = Listener::connect(&app, "", None).await;
    let image = app.uploaded(pictures::png(1)).await;
    let id = image["imageID"].as_str().unwrap();
    app.set_alt_text(id, "one").await;
    let first = listener.next().await.unwrap();
    assert_eq!(first.kind, "Uploaded");
    assert_eq!(first.data["type"], "photolog.v1.Uploaded");
    assert_eq!(first.data["data"]["image"], image["imageID"]);
    assert_eq!(first.id, first.data["data"]["position"].to_string());
    let second = listener.next().await.unwrap();
    assert_eq!(second.data["data"]["event"]["entries"]["altText"], "one");
    drop(listener);

    // Missed meanwhile, and received now: each once.
    app.set_alt_text(id, "two").await;
    let mut listener = Listener::connect(&app, "", Some(&first.id)).await;
    app.set_alt_text(id, "three").await;
    for text in ["one", "two", "three"] {
        let event = listener.next().await.unwrap();
        assert_eq!(event.data["data"]["event"]["entries"]["altText"], text);
    }
}

#[tokio::test]
async fn listeners_choose_images_and_types_and_hear_no_other_tenant() {
    let app = TestApp::spawn().await;
    let one = app.uploaded(pictures::png(0)).await;
    let other = app.uploaded(pictures::png(1)).await;
    let (one, other) = (
        one["imageID"].as_str().unwrap(),
        other["imageID"].as_str().unwrap(),
    );
    let (account, key) = app.open_account();
    let theirs = app
        .client
        .get(format!("{}/accounts/{account}/events?cursor=0", app.url))
        .basic_auth(&key.0, Some(&key.1))
        .send()
        .await
        .unwrap();
    assert_eq!(
        theirs.json::<Value>().await.unwrap()["events"],
        Value::Array(vec![])
    );
    let query = format!("?image={one}&type=MetadataSet,Disabled&cursor=0");
    let mut listener = Listener::connect(&app, &query, None).await;
    app.set_alt_text(other, "not wanted").await;
    app.set_alt_text(one, "wanted").await;
    app.request(Method::DELETE, &format!("/images/{one}"))
        .send()
        .await
        .unwrap();
    let text = listener.next().await.unwrap();
    assert_eq!(text.data["data"]["event"]["entries"]["altText"], "wanted");
    assert_eq!(listener.next().await.unwrap().kind, "Disabled");
}

/// Seconds until the feed that these credentials open ends, measured from `then`.
async fn seconds_until_end(app: &TestApp, bearer: &str, then: impl AsyncFnOnce()) -> f64 {
    let url = format!("{}/accounts/{}/events", app.url, app.account);
    let request = app.client.get(url).header("accept", "text/event-stream");
    let answer = request.bearer_auth(bearer).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    then().await;
    let began = Instant::now();
    let rest = tokio::time::timeout(PATIENCE, answer.bytes()).await;
    rest.expect("the end of the feed").unwrap();
    began.elapsed().as_secs_f64()
}

async fn log_in(app: &TestApp, key: &(String, String)) -> String {
    let body = json!({ "grant_type": "client_credentials", "scope": "history.read" });
    let request = app.client.post(format!("{}/oauth2/token", app.url));
    let request = request.basic_auth(&key.0, Some(&key.1)).json(&body);
    let tokens: Value = request.send().await.unwrap().json().await.unwrap();
    tokens["access_token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_feed_ends_at_the_next_check_when_its_key_was_revoked() {
    let app = TestApp::with([("PHOTOLOG_FEED_CHECK_SECONDS", "1")]).await;
    let key = app.issue_key("history.read");
    let token = log_in(&app, &key).await;
    let revoke = async || {
        assert!(
            app.command(&["key", "revoke", &app.account, &key.0])
                .status
                .success()
        )
    };
    assert!(seconds_until_end(&app, &token, revoke).await < 2.0);
}

#[tokio::test]
async fn a_feed_ends_when_its_token_does() {
    let app = TestApp::with([("PHOTOLOG_FEED_CHECK_SECONDS", "60")]).await;
    let token = log_in(&app, &app.key).await;
    let database = app.data_dir().join("photolog.sqlite");
    let options = SqliteConnectOptions::new().filename(database);
    let mut connection = options.connect().await.unwrap();
    let soon = SystemTime::now() + Duration::from_secs(2);
    let soon = soon.duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
    let ends = sqlx::query("UPDATE token_families SET expires_at = ?").bind(soon);
    ends.execute(&mut connection).await.unwrap();
    let seconds = seconds_until_end(&app, &token, async || ()).await;
    assert!((1.0..4.0).contains(&seconds), "{seconds}");
}

#[tokio::test]
async fn pages_hold_every_event_once() {
    let app = TestApp::spawn().await;
    for seed in 0..5 {
        let image = app.uploaded(pictures::png(seed)).await;
        let id = image["imageID"].as_str().unwrap();
        app.set_alt_text(id, "text").await;
    }
    let mut sequences = Vec::new();
    let mut cursor = "0".to_owned();
    loop {
        let path = format!("/events?limit=3&cursor={cursor}");
        let page: Value = app.get(&path).await.json().await.unwrap();
        let events = page["events"].as_array().unwrap();
        assert!(events.len() <= 3);
        sequences.extend(events.iter().map(|event| event["data"]["sequence"].clone()));
        match page["next"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(sequences, [1, 2].repeat(5));
    for bad in ["limit=0", "cursor=x", "type=Nonsense", "image=x"] {
        let answer = app.get(&format!("/events?{bad}")).await;
        assert_eq!(answer.status(), 400, "{bad}");
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_idle_listeners_hear_one_event_and_end_with_the_server() {
    let mut app = TestApp::with([
        ("PHOTOLOG_CONNECTIONS_PER_ADDRESS", "2000"),
        ("PHOTOLOG_FEEDS_PER_ACCOUNT", "1000"),
        ("PHOTOLOG_FEEDS_PER_KEY", "1000"),
    ])
    .await;
    let mut listeners = futures::stream::iter(0..1_000)
        .map(|_| Listener::connect(&app, "", None))
        .buffer_unordered(50)
        .collect::<Vec<_>>()
        .await;
    app.uploaded(pictures::png(0)).await;
    for listener in &mut listeners {
        assert_eq!(listener.next().await.unwrap().kind, "Uploaded");
    }
    app.ask_to_stop();
    for listener in &mut listeners {
        assert!(listener.next().await.is_none());
    }
    assert!(app.ended().await.success());
}
