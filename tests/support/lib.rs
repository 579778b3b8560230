//! What the stories share: the real program as a child, clients of it, and pictures.
//!
//! | file | what it holds |
//! | --- | --- |
//! | this one | [`TestApp`]: starts `photolog` on a free port and an empty folder, stops and kills it |
//! | [`scaled`] | API nodes and projectors over one PostgreSQL and one NATS server |
//! | [`process`] | a program as a child, killed and started again |
//! | [`nats`] | NATS servers with JetStream |
//! | [`newer`] | events of a newer version of the program |
//! | [`browser`] | Chromium without a window |
//! | [`edge`] | the edge in workerd before an origin |
//! | [`figure`] | what benchmarks measure, and their table |
//! | [`gate`] | a proxy between edge and origin that can block or corrupt responses |
//! | [`honest`] | clients of a tenant that attacks by others must not affect |
//! | [`hostile_pictures`] | small files that are expensive to decode |
//! | [`http2`] | HTTP/2 frame by frame |
//! | [`link`] | a TCP link that can be held, slowed, forgotten, half closed and reset |
//! | [`peer`] | clients at chosen addresses |
//! | [`pgbench`] | the write limit of PostgreSQL |
//! | [`pictures`] | small valid pictures, and hostile ones |
//! | [`probe`] | what a running program costs, and its metrics |
//! | [`postgres`] | a PostgreSQL cluster that can be stopped and started |
//! | [`s3`] | an S3 server with one bucket |
//! | [`small_disk`] | a disk that can be filled up |
//! | [`story_folder`] | where a story keeps its files, even after it fails |
//! | [`raw`] | requests byte by byte, for requests that no client would send |

pub mod browser;
pub mod edge;
pub mod figure;
pub mod gate;
pub mod honest;
pub mod hostile_pictures;
pub mod http2;
pub mod link;
pub mod nats;
pub mod newer;
pub mod peer;
pub mod pgbench;
pub mod pictures;
pub mod postgres;
pub mod probe;
pub mod process;
pub mod raw;
pub mod s3;
pub mod scaled;
pub mod small_disk;
pub mod story_folder;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output};
use std::time::{Duration, Instant};

use photolog_telemetry::tls::install_crypto_provider;
use reqwest::multipart::{Form, Part};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::Value;

use process::{PATIENCE, Process, program};
use small_disk::SmallDisk;
use story_folder::StoryFolder;

/// A running `photolog` with its own data folder. Killed when dropped.
pub struct TestApp {
    // Declared before its folder, so that the process ends before the folder is removed.
    process: Process,
    folder: StoryFolder,
    disk: Option<SmallDisk>,
    settings: Vec<(&'static str, String)>,
    /// `http://host:port`
    pub url: String,
    /// The demo account.
    pub account: String,
    /// Key id and secret of the demo account.
    pub key: (String, String),
    /// A client with no state but its connections.
    pub client: Client,
}

impl TestApp {
    /// Starts the program with default settings.
    pub async fn spawn() -> Self {
        Self::with([]).await
    }

    /// Starts the program with more settings, by their environment names.
    pub async fn with<const N: usize>(settings: [(&'static str, &str); N]) -> Self {
        Self::start(None, settings).await
    }

    /// Starts the program with all its data on this disk.
    pub async fn on(disk: SmallDisk) -> Self {
        Self::start(Some(disk), []).await
    }

    async fn start<const N: usize>(
        disk: Option<SmallDisk>,
        settings: [(&'static str, &str); N],
    ) -> Self {
        let folder = StoryFolder::new();
        let mut settings: Vec<_> = settings
            .map(|(name, value)| (name, value.to_owned()))
            .into();
        if settings
            .iter()
            .any(|(name, _)| *name == "PHOTOLOG_DATABASE_URL")
        {
            let file = process::master_key(folder.path()).display().to_string();
            settings.push(("PHOTOLOG_MASTER_KEY_FILE", file));
        }
        let mut command = photolog(folder.path(), disk.as_ref(), &settings);
        command.env("PHOTOLOG_LISTEN", "127.0.0.1:0");
        let process = Process::start_command(command, folder.path().join("log"));
        let mut app = Self {
            process,
            folder,
            disk,
            settings,
            url: String::new(),
            account: String::new(),
            key: Default::default(),
            client: client(),
        };
        app.wait_until_it_serves().await;
        app
    }

    /// Starts the program again on the same folder, after [`Self::kill`] or a clean end.
    pub async fn restart(&mut self) {
        // The last run's address must not be taken for this one's.
        let stale = self.data_dir().join("address");
        std::fs::remove_file(stale).expect("an address file of the last run");
        self.process.start_again();
        self.client = client();
        self.wait_until_it_serves().await;
    }

    async fn wait_until_it_serves(&mut self) {
        let began = Instant::now();
        let address = loop {
            if let Ok(address) = std::fs::read_to_string(self.data_dir().join("address"))
                && !address.is_empty()
            {
                break address;
            }
            let ended = self.process.has_ended();
            assert!(
                ended.is_none() && began.elapsed() < PATIENCE,
                "photolog did not start: {}",
                self.log()
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        };
        self.url = format!("http://{address}");
        let health = self
            .client
            .get(format!("{}/healthz", self.url))
            .send()
            .await;
        assert_eq!(health.expect("an answer").status(), StatusCode::OK);
        let file = std::fs::read_to_string(self.data_dir().join("credentials.json"));
        let credentials: Value =
            serde_json::from_str(&file.expect("credentials.json")).expect("JSON");
        let member = |name: &str| credentials[name].as_str().expect("a text").to_owned();
        self.account = member("accountID");
        self.key = (member("keyID"), member("keySecret"));
    }

    /// The program's data folder.
    pub fn data_dir(&self) -> PathBuf {
        let place = self
            .disk
            .as_ref()
            .map_or(self.folder.path(), SmallDisk::path);
        place.join("data")
    }

    /// The disk on which the program was started.
    pub fn disk(&self) -> &SmallDisk {
        self.disk.as_ref().expect("a disk")
    }

    /// A setting with which the program was started.
    pub fn setting(&self, name: &str) -> String {
        let found = self.settings.iter().find(|(known, _)| *known == name);
        found.expect("a setting").1.clone()
    }

    /// The running program's process id.
    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// What the program wrote to standard error.
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// Kills the program (SIGKILL).
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Requests a clean stop (SIGTERM).
    pub fn ask_to_stop(&self) {
        process::signal(self.process.id(), "TERM");
    }

    /// Waits until the program has ended.
    pub async fn ended(&mut self) -> ExitStatus {
        let began = Instant::now();
        loop {
            if let Some(status) = self.process.has_ended() {
                return status;
            }
            assert!(
                began.elapsed() < PATIENCE,
                "photolog did not end: {}",
                self.log()
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Runs `photolog` as a command on the same data folder with the same settings.
    pub fn command(&self, arguments: &[&str]) -> Output {
        photolog(self.folder.path(), self.disk.as_ref(), &self.settings)
            .args(arguments)
            .output()
            .expect("photolog runs")
    }

    /// Opens another account and returns its id, key id and secret.
    pub fn open_account(&self) -> (String, (String, String)) {
        let output = self.command(&["account", "create", "another"]);
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).expect("text");
        let mut last = text
            .lines()
            .filter_map(|line| line.split_whitespace().last());
        let mut next = || last.next().expect("a line").to_owned();
        (next(), (next(), next()))
    }

    /// A key of the demo account with these scopes: its id and secret.
    pub fn issue_key(&self, scopes: &str) -> (String, String) {
        let output = self.command(&["key", "issue", &self.account, "--scopes", scopes]);
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).expect("text");
        let mut last = text
            .lines()
            .filter_map(|line| line.split_whitespace().last());
        let mut next = || last.next().expect("a line").to_owned();
        (next(), next())
    }

    /// A request below the demo account's path, with its key.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}/accounts/{}{path}", self.url, self.account);
        self.client
            .request(method, url)
            .basic_auth(&self.key.0, Some(&self.key.1))
    }

    /// `GET` below the demo account's path.
    pub async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path)
            .send()
            .await
            .expect("an answer")
    }

    /// Uploads a picture.
    pub async fn upload(&self, picture: Vec<u8>) -> Response {
        let form = Form::new().part("image", Part::bytes(picture).file_name("p"));
        self.request(Method::POST, "/images")
            .multipart(form)
            .send()
            .await
            .expect("an answer")
    }

    /// Uploads a picture successfully and returns the image as Moov shows it.
    pub async fn uploaded(&self, picture: Vec<u8>) -> Value {
        let answer = self.upload(picture).await;
        assert_eq!(answer.status(), StatusCode::CREATED);
        answer.json().await.expect("JSON")
    }

    /// Sets the alternative text.
    pub async fn set_alt_text(&self, image: &str, text: &str) -> Response {
        self.request(Method::PUT, &format!("/images/{image}/metadata"))
            .json(&serde_json::json!({ "altText": text }))
            .send()
            .await
            .expect("an answer")
    }

    /// All images, as the list shows them.
    pub async fn list(&self) -> Vec<Value> {
        self.get("/images?count=1000")
            .await
            .json()
            .await
            .expect("a list")
    }

    /// `GET` of a public picture.
    pub async fn public(&self, public_id: &str, query: &str, accept: Option<&str>) -> Response {
        let request = self
            .client
            .get(format!("{}/images/{public_id}{query}", self.url));
        let request = match accept {
            Some(accept) => request.header("accept", accept),
            None => request,
        };
        request.send().await.expect("an answer")
    }
}

/// A client with no connections yet.
pub fn client() -> Client {
    install_crypto_provider();
    Client::new()
}

/// The program with its data folder, on the disk if there is one, and these settings.
fn photolog(
    folder: &Path,
    disk: Option<&SmallDisk>,
    settings: &[(&'static str, String)],
) -> Command {
    let photolog = program("photolog");
    let (mut command, place) = match disk {
        Some(disk) => (disk.command(&photolog), disk.mount_point()),
        None => (Command::new(photolog), folder),
    };
    command
        .env("PHOTOLOG_DATA_DIR", place.join("data"))
        .envs(settings.iter().map(|(name, value)| (name, value)));
    command
}
