//! A subscriber to the JetStream stream that reads it from the start.

use std::time::Duration;

use async_nats::jetstream;
use async_nats::jetstream::consumer::pull;
use futures::StreamExt;
use photolog_tests::nats::messages;
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(20);

/// Reads the stream in its order.
pub(crate) struct Subscriber {
    messages: pull::Stream,
}

impl Subscriber {
    /// Begins at the first message.
    pub(crate) async fn connect(url: &str) -> Self {
        Self::to(url, "photolog.v1.>").await
    }

    /// Begins at the first message of an account.
    pub(crate) async fn of_account(url: &str, account: &str) -> Self {
        Self::to(url, &format!("photolog.v1.{account}.>")).await
    }

    async fn to(url: &str, subjects: &str) -> Self {
        let began = std::time::Instant::now();
        loop {
            if let Some(messages) = messages(url, subjects).await {
                return Self { messages };
            }
            assert!(began.elapsed() < PATIENCE, "there is no stream at {url}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// The next events.
    pub(crate) async fn take(&mut self, count: usize) -> Vec<Value> {
        let mut events = Vec::new();
        while events.len() < count {
            let next = tokio::time::timeout(PATIENCE, self.messages.next()).await;
            let message = next.unwrap_or_else(|_| panic!("only {} of {count}", events.len()));
            events.push(event(&message.unwrap().unwrap()));
        }
        events
    }

    /// All events that are in the stream now.
    pub(crate) async fn all(&mut self) -> Vec<Value> {
        let mut events = Vec::new();
        loop {
            let pause = Duration::from_millis(500);
            match tokio::time::timeout(pause, self.messages.next()).await {
                Ok(Some(Ok(message))) => events.push(event(&message)),
                Ok(_) | Err(_) => return events,
            }
        }
    }

    /// Asserts that there are no more events.
    pub(crate) async fn is_at_the_end(&mut self) {
        let next = tokio::time::timeout(Duration::from_millis(300), self.messages.next()).await;
        assert!(next.is_err(), "there is one more");
    }
}

/// The event in a message, after checks of its headers and subject.
fn event(message: &jetstream::Message) -> Value {
    let event: Value = serde_json::from_slice(&message.payload).unwrap();
    let header = |name: &str| {
        message
            .headers
            .as_ref()
            .unwrap()
            .get(name)
            .unwrap()
            .as_str()
    };
    assert_eq!(header("Nats-Msg-Id"), event["id"]);
    assert_eq!(header("Content-Type"), "application/cloudevents+json");
    assert_eq!(
        header("Photolog-Position"),
        event["data"]["position"].to_string()
    );
    let data = &event["data"];
    let subject = format!(
        "photolog.v1.{}.{}.{}",
        data["account"].as_str().unwrap(),
        data["image"].as_str().unwrap(),
        data["event"]["type"].as_str().unwrap()
    );
    assert_eq!(message.subject.as_str(), subject);
    event
}
