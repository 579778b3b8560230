//! Publishes the log to NATS JetStream, for subscribers.
//!
//! | file | what it holds |
//! | --- | --- |
//! | this one | the loop: connect, resume, publish; and again after any failure |
//! | `stream` | the JetStream stream: made or checked, and where to resume |
//! | `window` | publishes in order, with many acknowledgements outstanding |
//!
//! The stream itself says how far the relay has come: each message carries its position, and the
//! relay goes on after the last one. Each message also names the sequence that the stream must
//! have reached before it, so that of two relays (one of which lost its lead and does not know it
//! yet) only one gets through, and nothing is ever published twice or out of order, however long
//! an outage was. No request waits for any of this.

mod stream;
mod window;

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use async_nats::jetstream::context::ContextBuilder;
use async_nats::{Client, ConnectOptions, ServerAddr};
use percent_encoding::percent_decode_str;
use photolog_store::{Position, Store, StoreError};

use crate::settings::RelaySettings;
use stream::RelayPosition;

/// The first pause after a failure, doubled with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How long an acknowledgement may take.
const ACK_TIMEOUT: Duration = Duration::from_secs(5);

/// Why the relay does not go on for now.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// The server cannot be reached, or does not answer.
    #[error("--nats-url: {0}")]
    Unreachable(String),
    /// The stream is there, but is not what the relay needs.
    #[error("--nats-stream: {0}")]
    Stream(String),
    /// A message was not taken.
    #[error("a message was not taken: {0}")]
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
    /// Relays this log as the settings say.
    pub fn new(store: Store, settings: RelaySettings) -> Self {
        Self { store, settings }
    }

    /// Up to where events are published; `None` when they are not to be.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn position(&self) -> Result<Option<Position>, StoreError> {
        match self.settings.url() {
            None => Ok(None),
            Some(_) => stream::remembered(&self.store).await.map(Some),
        }
    }

    /// Relays for ever; without a URL there is nothing to do.
    pub async fn run(&self) -> Infallible {
        let Some(url) = self.settings.url() else {
            return std::future::pending().await;
        };
        let mut pause = FIRST_PAUSE;
        let mut told = String::new();
        loop {
            let mut relayed = RelayPosition::default();
            let Err(error) = self.follow(url, &mut relayed).await;
            if relayed.position > 0 {
                pause = FIRST_PAUSE;
                told.clear();
            }
            // Once, although it is tried again every few seconds until somebody changes something.
            let problem = error.to_string();
            if problem != told {
                let cause = std::error::Error::source(&error);
                tracing::warn!(error = %problem, cause, "the relay pauses");
                told = problem;
            }
            tokio::time::sleep(pause).await;
            pause = LONGEST_PAUSE.min(pause * 2);
        }
    }

    /// Relays until something fails. `relayed` says how far it came.
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

    /// One attempt: the loop above is the one that tries again.
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

/// A server's address, and the user and password in it: the client logs addresses as they are, and
/// takes what is percent-encoded in them for the password.
fn without_login(text: &str) -> io::Result<(ServerAddr, Option<(String, String)>)> {
    let server: ServerAddr = text.trim().parse()?;
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let login = server.username().map(|user| {
        let password = server.password().unwrap_or_default();
        (decoded(user), decoded(password))
    });
    let mut url = server.into_inner();
    // Only an address without a host has no place for a login, and such a one has none.
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
