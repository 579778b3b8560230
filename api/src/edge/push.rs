//! Tells edges which links have changed, so that they ask at once and not after the second for
//! which they believe what they know. A message that is lost costs that second and no more.

use std::str::FromStr;
use std::time::Duration;

use futures::future::join_all;
use photolog_domain::ImageId;
use photolog_store::{Appended, LogEntry, Position, Store, StoreError};
use reqwest::{Client, Url};
use tokio::time::sleep;
use uuid::Uuid;

use super::EdgeSecret;

/// Log entries looked at together.
const BATCH: u32 = 500;
/// Longest time an edge may take to listen.
const TIMEOUT: Duration = Duration::from_secs(1);
/// How long to wait for the image view to show a change, which is what edges then ask for.
const VISIBLE: Duration = Duration::from_secs(5);
/// How long to wait after the log could not be read.
const PAUSE: Duration = Duration::from_secs(1);

/// After these a link may show something else.
const CHANGES: &[&str] = &["Replaced", "Disabled"];

/// Where an edge listens: `http://host:port`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EdgeUrl(Url);

impl EdgeUrl {
    /// For the log: an address may hold a password.
    fn without_login(&self) -> Url {
        let mut url = self.0.clone();
        // Only an address without a host has no place for a login, and such a one has none.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        url
    }
}

impl FromStr for EdgeUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let url: Url = text.parse().map_err(|problem| format!("{problem}"))?;
        if url.scheme() != "http" {
            return Err("must begin with http://; edges are told over a private network".into());
        }
        url.join("/edge/changed")
            .map(Self)
            .map_err(|problem| format!("{problem}"))
    }
}

/// Follows the log from its present end, and tells these edges; ends with the program.
pub async fn follow(store: Store, edges: Vec<EdgeUrl>, secret: EdgeSecret) {
    // Another part of the program may have chosen it already. Edges are told without TLS, but the
    // client wants to know by whose hand it would speak it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = Client::new();
    let token = secret.push_token();
    let mut reached = None;
    loop {
        match step(&store, reached).await {
            Ok((end, links)) => {
                if !links.is_empty() {
                    let told = edges.iter().map(|edge| tell(&client, edge, &token, &links));
                    join_all(told).await;
                }
                if reached.replace(end) == Some(end) {
                    store.log_grew(end).await;
                }
            }
            Err(error) => {
                tracing::warn!(%error, "edges are not told of changes for a moment");
                sleep(PAUSE).await;
            }
        }
    }
}

/// The links that changed after `reached`, and the end of what was read; at first only the end.
async fn step(
    store: &Store,
    reached: Option<Position>,
) -> Result<(Position, Vec<String>), StoreError> {
    let Some(after) = reached else {
        return Ok((store.log_head().await?, Vec::new()));
    };
    let entries = store.read_log(after, BATCH).await?;
    let end = entries.last().map_or(after, |entry| entry.position);
    let mut images = Vec::new();
    for change in entries.iter().filter_map(change) {
        store.wait_until_visible(&change, VISIBLE).await?;
        images.push(ImageId::new(change.stream));
    }
    let rows = store.image_rows(&images).await?;
    let links = rows.iter().map(|row| row.state.public_id.to_string());
    Ok((end, links.collect()))
}

fn change(entry: &LogEntry) -> Option<Appended> {
    let is_change = CHANGES.contains(&entry.event_type.as_str());
    let stream: Uuid = entry.aggregate_id.parse().ok()?;
    is_change.then_some(Appended {
        sequence: entry.sequence,
        stream,
    })
}

async fn tell(client: &Client, edge: &EdgeUrl, token: &str, links: &[String]) {
    let message = client.post(edge.0.clone()).bearer_auth(token).json(links);
    let answer = message.timeout(TIMEOUT).send().await;
    if let Err(error) = answer.and_then(reqwest::Response::error_for_status) {
        tracing::warn!(edge = %edge.without_login(), %error, "an edge was not told of a change");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edge_is_named_by_its_address() {
        let edge: EdgeUrl = "http://10.0.0.7:8787".parse().unwrap();
        assert_eq!(edge.0.as_str(), "http://10.0.0.7:8787/edge/changed");
        for wrong in ["", "10.0.0.7:8787", "https://edge", "ftp://edge"] {
            assert!(wrong.parse::<EdgeUrl>().is_err(), "{wrong}");
        }
    }
}
