//! Follows every event of every image, and resumes where it stopped.
//!
//! cargo run -p photolog-projector --example subscriber -- nats://127.0.0.1:4222

#![expect(
    clippy::print_stdout,
    reason = "printing what it receives is its purpose"
)]

use async_nats::jetstream::{self, consumer::pull};
use futures::StreamExt;
use serde_json::Value;

#[tokio::main]
async fn main() -> Result<(), async_nats::Error> {
    let url = std::env::args().nth(1);
    let url = url.unwrap_or_else(|| "nats://127.0.0.1:4222".to_owned());
    let jetstream = jetstream::new(async_nats::connect(url).await?);
    let stream = jetstream.get_stream("PHOTOLOG").await?;

    // Durable: the server records under this name what was acknowledged.
    let config = pull::Config {
        durable_name: Some("example-rust".to_owned()),
        filter_subject: "photolog.v1.>".to_owned(),
        ..Default::default()
    };
    let consumer = stream
        .get_or_create_consumer("example-rust", config)
        .await?;
    let mut messages = consumer.messages().await?;
    while let Some(message) = messages.next().await {
        let message = message?;
        let event: Value = serde_json::from_slice(&message.payload)?;
        let data = &event["data"];
        println!(
            "{} {} {} #{}",
            data["position"],
            event["type"].as_str().unwrap_or("?"),
            data["image"].as_str().unwrap_or("?"),
            data["sequence"]
        );
        // Only now: after a crash before this line, the event is delivered again.
        message.ack().await?;
    }
    Ok(())
}
