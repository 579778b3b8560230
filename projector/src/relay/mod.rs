//! Publishes the log to NATS JetStream, for subscribers.
//!
//! | file | what it holds |
//! | --- | --- |
//! | this one | the loop: connect, resume, publish; retried after any failure |
//! | `stream` | the JetStream stream: created or checked, and where to resume |
//! | `window` | publishes in order, with many acknowledgements outstanding |
//!
//! The stream itself records the relay's progress: each message carries its position, and the relay
//! resumes after the last one. Each message also names the sequence that the stream must have reached
//! before it. So of two relays (one of which has lost its lead without noticing yet) only one
//! succeeds, and nothing is ever published twice or out of order, however long an outage was. No
//! request waits for any of this.

mod stream;
mod window;

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use async_nats::jetstream::context::ContextBuilder;
use async_nats::{Client, ConnectOptions, ServerAddr};
use percent_encoding::percent_decode_str;
use photolog_store::{Position, Store, StoreError};

use crate::backoff::Backoff;
use crate::settings::RelaySettings;
use stream::RelayPosition;

/// Pauses after failures.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(250), Duration::from_secs(5));

/// How long an acknowledgement may take.
const ACK_TIMEOUT: Duration = Duration::from_secs(5);

/// Why the relay cannot continue for now.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// The server cannot be reached, or does not answer.
    #[error("--nats-url: {0}")]
    Unreachable(String),
    /// The stream exists, but does not meet the relay's requirements.
    #[error("--nats-stream: {0}")]
    Stream(String),
    /// A message was rejected.
    #[error("the stream did not accept a message: {0}")]
    Refused(String),
    /// The log cannot be read.
    #[error("the log cannot be read")]
    Store(#[from] StoreError),
}

/// The relay of one log to one stream.
#[derive(Debug)]
pub struct Relay {
    store: Store,
    settings: RelaySettings,
}

impl Relay {
    /// Creates a relay of this log with these settings.
    pub fn new(store: Store, settings: RelaySettings) -> Self {
        Self { store, settings }
    }

    /// The position up to which events are published; `None` when publishing is off.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn position(&self) -> Result<Option<Position>, StoreError> {
        match self.settings.url() {
            None => Ok(None),
            Some(_) => stream::remembered(&self.store).await.map(Some),
        }
    }

    /// Relays forever; does nothing without a URL.
    pub async fn run(&self) -> Infallible {
        let Some(url) = self.settings.url() else {
            return std::future::pending().await;
        };
        let mut backoff = BACKOFF;
        let mut reported = String::new();
        loop {
            let mut relayed = RelayPosition::default();
            let Err(error) = self.follow(url, &mut relayed).await;
            if relayed.position > 0 {
                backoff.reset();
                reported.clear();
            }
            // Logged once, although it is retried every few seconds until the cause is removed.
            let problem = error.to_string();
            if problem != reported {
                let cause = std::error::Error::source(&error);
                tracing::warn!(error = %problem, cause, "the relay pauses");
                reported = problem;
            }
            backoff.pause().await;
        }
    }

    /// Relays until something fails. `relayed` receives its progress.
    async fn follow(
        &self,
        url: &str,
        relayed: &mut RelayPosition,
    ) -> Result<Infallible, RelayError> {
        let client = self.connect(url).await?;
        let jetstream = ContextBuilder::new()
            .timeout(ACK_TIMEOUT)
            .max_ack_inflight(window::SIZE)
            .build(client);
        let stream = stream::open(&jetstream, &self.settings).await?;
        let start = stream::resume(&stream, &self.store).await?;
        tracing::info!(after = start.position, stream = %self.settings.nats_stream, "relaying");
        let prefix = &self.settings.nats_subject_prefix;
        window::publish(&self.store, &jetstream, prefix, start, relayed).await
    }

    /// A single attempt: the loop above does the retries.
    async fn connect(&self, url: &str) -> Result<Client, RelayError> {
        let unreachable =
            |error: &dyn std::fmt::Display| RelayError::Unreachable(error.to_string());
        let mut options = ConnectOptions::new()
            .name("photolog relay")
            .max_reconnects(1)
            .connection_timeout(ACK_TIMEOUT);
        if let Some(file) = &self.settings.nats_credentials {
            options = options
                .credentials_file(file)
                .await
                .map_err(|error| RelayError::Unreachable(format!("--nats-credentials: {error}")))?;
        }
        let mut servers = Vec::new();
        for server in url.split(',') {
            let (server, login) = without_login(server).map_err(|error| unreachable(&error))?;
            if let Some((user, password)) = login {
                options = options.user_and_password(user, password);
            }
            servers.push(server);
        }
        options
            .connect(servers)
            .await
            .map_err(|error| unreachable(&error))
    }
}

/// A server's address, and separately its user and password, because the client logs addresses
/// unredacted and does not decode percent-encoded passwords.
fn without_login(text: &str) -> io::Result<(ServerAddr, Option<(String, String)>)> {
    let server: ServerAddr = text.trim().parse()?;
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let login = server.username().map(|user| {
        let password = server.password().unwrap_or_default();
        (decoded(user), decoded(password))
    });
    let mut url = server.into_inner();
    // Setting fails only for an address without a host, which has no login either.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    Ok((ServerAddr::from_url(url)?, login))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_taken_out_of_an_address() {
        let (server, login) = without_login(" nats://user:secret@127.0.0.1:4222").unwrap();
        assert_eq!(login, Some(("user".to_owned(), "secret".to_owned())));
        assert!(!format!("{server:?}").contains("secret"));
        let (_, login) = without_login("nats://a%40b:p%3Aw%2Fx@host").unwrap();
        assert_eq!(login, Some(("a@b".to_owned(), "p:w/x".to_owned())));
        assert_eq!(without_login("127.0.0.1").unwrap().1, None);
    }
}
