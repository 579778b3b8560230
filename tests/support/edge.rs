//! The edge in workerd, in front of its own origin, with a gate in between.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use reqwest::multipart::{Form, Part};
use reqwest::{Client, Method, Response, StatusCode};
use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::TestApp;
use crate::gate::Gate;
use crate::process::{PATIENCE, Process, free_port, installed, target};

/// The secret that origin and edge share.
pub const SECRET: &str = "a secret for tests only";

/// An edge and its origin. Gone when dropped.
pub struct Edge {
    /// The origin.
    pub app: TestApp,
    /// The gate through which the edge reaches the origin.
    pub gate: Gate,
    /// `http://host:port`
    pub url: String,
    /// A client with no state but its connections.
    pub client: Client,
    workerd: Process,
    _folder: TempDir,
}

impl Edge {
    /// Starts both.
    pub async fn start() -> Self {
        Self::before(
            TestApp::with([("PHOTOLOG_EDGE_SECRET", SECRET)]).await,
            free_port(),
        )
        .await
    }

    /// Starts an edge on a port, in front of this origin.
    pub async fn before(app: TestApp, port: u16) -> Self {
        let gate = Gate::open_before(&app.url).await;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let workerd = Process::start_program(
            workerd(),
            &[
                "serve",
                worker_folder()
                    .join("config.capnp")
                    .to_str()
                    .expect("a path of ours"),
                "--socket-addr",
                &format!("http=127.0.0.1:{port}"),
                "--external-addr",
                &format!("origin={}", gate.address),
            ],
            vec![("PHOTOLOG_EDGE_SECRET".to_owned(), SECRET.to_owned())],
            folder.path().join("log"),
        );
        let edge = Self {
            app,
            gate,
            url: format!("http://127.0.0.1:{port}"),
            client: crate::client(),
            workerd,
            _folder: folder,
        };
        edge.wait_until_it_listens().await;
        edge
    }

    async fn wait_until_it_listens(&self) {
        let began = Instant::now();
        let address = self.url.trim_start_matches("http://");
        while TcpStream::connect(address).await.is_err() {
            assert!(began.elapsed() < PATIENCE, "{}", self.workerd.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Stops the worker and starts it again, with empty memory.
    pub async fn restart(&mut self) {
        self.workerd.kill();
        self.workerd.start_again();
        self.client = crate::client();
        self.wait_until_it_listens().await;
    }

    /// `GET` at the edge.
    pub async fn get(&self, path: &str) -> Response {
        let request = self.client.get(format!("{}{path}", self.url));
        request.send().await.expect("an answer")
    }

    /// Replaces an image's picture.
    pub async fn replace(&self, image: &str, picture: Vec<u8>) {
        let form = Form::new().part("image", Part::bytes(picture).file_name("p"));
        let request = self.app.request(Method::PUT, &format!("/images/{image}"));
        let answer = request.multipart(form).send().await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::OK);
    }

    /// Uploads a picture and returns its public id.
    pub async fn link(&self, picture: Vec<u8>) -> String {
        let image = self.app.uploaded(picture).await;
        image["publicID"].as_str().expect("a public id").to_owned()
    }

    /// The peak memory of the worker's process, in bytes.
    pub fn peak_memory(&self) -> u64 {
        self.workerd.peak_memory()
    }

    /// What the worker wrote to standard error.
    pub fn log(&self) -> String {
        self.workerd.log()
    }
}

/// The deployable worker.
pub fn worker_folder() -> PathBuf {
    let folder = target().join("edge");
    assert!(
        folder.join("config.capnp").is_file(),
        "build the edge first: cargo xtask edge"
    );
    folder
}

fn workerd() -> PathBuf {
    let architecture = if cfg!(target_arch = "aarch64") {
        "arm64"
    } else {
        "64"
    };
    installed(&format!(
        "tools/node/node_modules/@cloudflare/workerd-linux-{architecture}/bin/workerd"
    ))
}
