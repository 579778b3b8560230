//! Headless Chromium, driven over WebDriver (W3C). The stories need only five of its commands;
//! existing clients bring dozens of crates for the others.

use std::io::{Read, Write};
use std::time::Instant;

use reqwest::{Client, Method};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::process::{PATIENCE, Process, free_port};

/// A browser with a profile of its own. Gone when dropped.
pub struct Browser {
    client: Client,
    /// `http://host:port/session/{id}`
    session: String,
    _driver: Process,
    _folder: TempDir,
}

impl Browser {
    /// Starts a browser.
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let port = free_port();
        let mut driver = Process::start_program(
            "chromedriver".into(),
            &[&format!("--port={port}")],
            vec![],
            folder.path().join("log"),
        );
        let client = crate::client();
        let url = format!("http://127.0.0.1:{port}");
        let began = Instant::now();
        while client.get(format!("{url}/status")).send().await.is_err() {
            assert!(began.elapsed() < PATIENCE, "{}", driver.log());
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        let mut arguments = ARGUMENTS.map(str::to_owned).to_vec();
        let profile = folder.path().join("profile");
        arguments.push(format!("--user-data-dir={}", profile.display()));
        let wanted = json!({ "goog:chromeOptions": { "args": arguments } });
        let wanted = json!({ "capabilities": { "alwaysMatch": wanted } });
        let begun = send(&client, Method::POST, &format!("{url}/session"), &wanted).await;
        let Some(id) = begun["sessionId"].as_str() else {
            driver.kill();
            panic!("no browser: {begun}");
        };
        Self {
            session: format!("{url}/session/{id}"),
            client,
            _driver: driver,
            _folder: folder,
        }
    }

    /// Goes to a page, and waits until it is there with its pictures.
    pub async fn open(&self, url: &str) {
        self.command(Method::POST, "/url", &json!({ "url": url }))
            .await;
    }

    /// Loads the page again, as its user would.
    pub async fn reload(&self) {
        self.command(Method::POST, "/refresh", &json!({})).await;
    }

    /// Runs the body of an asynchronous function and returns its result.
    pub async fn run(&self, body: &str) -> Value {
        let script = format!(
            "const done = arguments[arguments.length - 1];
             (async () => {{ {body} }})().then(done, (problem) => done(`${{problem}}`));"
        );
        let script = json!({ "script": script, "args": [] });
        self.command(Method::POST, "/execute/async", &script).await
    }

    async fn command(&self, method: Method, path: &str, body: &Value) -> Value {
        send(
            &self.client,
            method,
            &format!("{}{path}", self.session),
            body,
        )
        .await
    }
}

impl Drop for Browser {
    /// Killing only the driver would leave its browser running. The request is written by hand
    /// because `drop` cannot await; if the driver does not respond, there is no browser either.
    fn drop(&mut self) {
        let address = self.session.trim_start_matches("http://");
        let Some((address, path)) = address.split_once('/') else {
            return;
        };
        let Ok(mut connection) = std::net::TcpStream::connect(address) else {
            return;
        };
        let _ = connection.set_read_timeout(Some(PATIENCE));
        let head =
            format!("DELETE /{path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        if connection.write_all(head.as_bytes()).is_ok() {
            // The driver responds when the browser has ended, and keeps the connection open.
            let _ = connection.read(&mut [0; 64]);
        }
    }
}

const ARGUMENTS: [&str; 10] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--force-device-scale-factor=1",
];

async fn send(client: &Client, method: Method, url: &str, body: &Value) -> Value {
    let answer = client.request(method, url).json(body).send().await;
    let mut answer: Value = answer.expect("an answer").json().await.expect("JSON");
    let value = answer["value"].take();
    assert!(value["error"].is_null(), "{url}: {value}");
    value
}
