//! Notifies edges of changed links, so that they request these at once instead of serving a cached
//! entry for up to a second. A lost message costs at most that second.

use std::str::FromStr;
use std::time::Duration;

use futures::future::join_all;
use http::StatusCode;
use photolog_domain::{AccountId, ImageId};
use photolog_projector::settings::one_line;
use photolog_store::{
    Appended, ImageFilter, ImageList, ImageRow, ListStart, LogEntry, Position, SortOrder, Store,
    StoreError,
};
use reqwest::{Client, Url};
use tokio::time::sleep;
use uuid::Uuid;

use crate::auth::edge_secret::EdgeSecret;

/// Log entries read at once.
const BATCH: u32 = 500;
/// The timeout of a message to an edge.
const TIMEOUT: Duration = Duration::from_secs(1);
/// How long to wait for the image view to show a change, because edges then read that view.
const VISIBLE: Duration = Duration::from_secs(5);
/// How long to wait after a failed read of the log.
const PAUSE: Duration = Duration::from_secs(1);

/// How often to retry an edge that could not be notified.
const AGAIN: Duration = Duration::from_secs(10);

/// Events after which a link may show another picture.
const CHANGES: &[&str] = &["Replaced", "Disabled"];
/// Events after which all links of an account may.
const CHANGES_OF_ALL: &[&str] = &["AccountClosed", "AccountReopened"];

/// Maximum links in a message; an edge accepts messages of up to 64 KiB.
const LINKS: usize = 1_000;
/// Maximum links of an account to send to an edge: as many as it caches. It requests any other link
/// anyway, and its cached entries expire before the end of a longer list.
const MOST_LINKS: usize = 10_000;

/// The address of an edge: `http://host:port`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EdgeUrl(Url);

impl EdgeUrl {
    /// For the log: an address may hold a password.
    fn without_login(&self) -> Url {
        let mut url = self.0.clone();
        // These fail only for a URL without a host, which cannot contain a login.
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
            return Err(
                "must begin with http://, because edges are notified over a private network".into(),
            );
        }
        url.join("/edge/changed")
            .map(Self)
            .map_err(|problem| format!("{problem}"))
    }
}

/// Follows the log from its current end and notifies these edges; runs as long as the program.
pub async fn follow(store: Store, edges: Vec<EdgeUrl>, secret: EdgeSecret) {
    let client = Client::new();
    let token = secret.push_token();
    let mut listeners: Vec<_> = edges
        .into_iter()
        .map(|edge| Listener {
            edge,
            problem: None,
        })
        .collect();
    // An empty message, to detect a wrong secret at the start and not when a picture changes.
    notify_all(&mut listeners, &client, &token, &[]).await;
    let mut reached = None;
    loop {
        match step(&store, reached).await {
            Ok((end, links)) => {
                for links in links.chunks(LINKS) {
                    notify_all(&mut listeners, &client, &token, links).await;
                }
                if reached.replace(end) == Some(end) {
                    tokio::select! {
                        () = store.log_grew(end) => {}
                        () = sleep(AGAIN) => try_again(&mut listeners, &client, &token).await,
                    }
                }
            }
            Err(error) => {
                tracing::warn!(%error, "the log cannot be read: edges are not notified until it can");
                sleep(PAUSE).await;
            }
        }
    }
}

/// The links that changed after `reached`, and the position read up to; without `reached` only the
/// end of the log.
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
    let mut links: Vec<_> = rows.iter().map(link).collect();
    for account in entries.iter().filter_map(account) {
        // An edge may request a link from this node at once.
        store.links_changed();
        links.extend(links_of(store, account).await?);
    }
    Ok((end, links))
}

fn link(row: &ImageRow) -> String {
    row.state.public_id.to_string()
}

/// The account whose links have all changed.
fn account(entry: &LogEntry) -> Option<AccountId> {
    let is_change = CHANGES_OF_ALL.contains(&entry.event_type.as_str());
    is_change.then_some(entry.account)
}

/// The newest links of an account.
async fn links_of(store: &Store, account: AccountId) -> Result<Vec<String>, StoreError> {
    let mut links = Vec::new();
    let mut start = ListStart::First;
    while links.len() < MOST_LINKS {
        let page = ImageList {
            account,
            which: ImageFilter::All,
            order: SortOrder::NewestFirst,
            start,
            skip: 0,
            count: LINKS as u64,
        };
        let page = store.list_images(&page).await?;
        let Some(last) = page.rows.last() else {
            break;
        };
        start = ListStart::After(last.image);
        links.extend(page.rows.iter().map(link));
    }
    Ok(links)
}

fn change(entry: &LogEntry) -> Option<Appended> {
    let is_change = CHANGES.contains(&entry.event_type.as_str());
    let stream: Uuid = entry.aggregate_id.parse().ok()?;
    is_change.then_some(Appended {
        sequence: entry.sequence,
        stream,
    })
}

async fn notify_all(listeners: &mut [Listener], client: &Client, token: &str, links: &[String]) {
    let notified = listeners
        .iter_mut()
        .map(|listener| listener.notify(client, token, links));
    join_all(notified).await;
}

/// Retries edges whose last message failed, with an empty message: their cached entries have
/// expired anyway.
async fn try_again(listeners: &mut [Listener], client: &Client, token: &str) {
    let troubled = listeners
        .iter_mut()
        .filter(|listener| listener.problem.is_some())
        .map(|listener| listener.notify(client, token, &[]));
    join_all(troubled).await;
}

/// An edge, and why the last message failed: logged when the reason changes, not each time.
struct Listener {
    edge: EdgeUrl,
    problem: Option<String>,
}

impl Listener {
    async fn notify(&mut self, client: &Client, token: &str, links: &[String]) {
        let problem = send(client, &self.edge, token, links).await.err();
        let edge = self.edge.without_login();
        match &problem {
            Some(problem) if self.problem.as_ref() != Some(problem) => {
                tracing::warn!(%edge, "an edge cannot be notified of changes: {problem}");
            }
            None if self.problem.is_some() => {
                tracing::info!(%edge, "the edge is notified of changes again")
            }
            _ => {}
        }
        self.problem = problem;
    }
}

/// Sends a message; the error is a sentence for the operator.
async fn send(
    client: &Client,
    edge: &EdgeUrl,
    token: &str,
    links: &[String],
) -> Result<(), String> {
    let message = client.post(edge.0.clone()).bearer_auth(token).json(links);
    let answer = message.timeout(TIMEOUT).send().await;
    let answer = answer.map_err(|error| {
        let error = anyhow::Error::from(error.without_url());
        format!("--edges: {}", one_line(&error))
    })?;
    match answer.status() {
        status if status.is_success() => Ok(()),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(
            "--edge-secret is not the edge's: give both the same PHOTOLOG_EDGE_SECRET".to_owned(),
        ),
        status => Err(format!(
            "--edges: this is not an edge, because it answered {status}"
        )),
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
