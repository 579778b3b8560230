//! Photolog scaled out, as processes: API nodes and projectors over one PostgreSQL, one folder of
//! pictures, and one NATS server or three.

use std::process::{Command, Output};
use std::time::{Duration, Instant};

use reqwest::{Client, Method, RequestBuilder, StatusCode};
use tempfile::TempDir;

use crate::nats::Nats;
use crate::postgres::Cluster;
use crate::process::{PATIENCE, Process, free_port, master_key, program};
use crate::small_disk::SmallDisk;

/// Enough for the small pictures of a thousand rounds.
const PICTURES_MEGABYTES: u32 = 256;

/// An API node.
pub struct Node {
    /// The program.
    pub process: Process,
    /// `http://host:port`
    pub url: String,
}

/// All processes of one installation.
pub struct Scaled {
    /// The database.
    pub postgres: Cluster,
    /// The servers of the messages, one or three.
    pub nats: Vec<Nats>,
    /// The API nodes.
    pub nodes: Vec<Node>,
    /// The projectors, of which one works.
    pub projectors: Vec<Process>,
    /// An account.
    pub account: String,
    /// Key id and secret.
    pub key: (String, String),
    /// A client with no state but its connections.
    pub client: Client,
    /// Where the pictures are.
    pub pictures: SmallDisk,
    settings: Vec<(String, String)>,
    folder: TempDir,
}

impl Scaled {
    /// Starts two API nodes and two projectors with one NATS server, and opens an account.
    pub async fn start() -> Self {
        Self::over(Cluster::start(), vec![Nats::start()]).await
    }

    /// The same on a database that is as slow as in earnest.
    pub async fn durable() -> Self {
        Self::over(Cluster::start_durable(), vec![Nats::start()]).await
    }

    /// The same with these NATS servers, all of which keep the stream.
    pub async fn with_nats(nats: Vec<Nats>) -> Self {
        Self::over(Cluster::start(), nats).await
    }

    async fn over(postgres: Cluster, nats: Vec<Nats>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let pictures = SmallDisk::of_megabytes(PICTURES_MEGABYTES);
        let settings = [
            ("PHOTOLOG_DATABASE_URL", postgres.new_database().await),
            (
                "PHOTOLOG_MASTER_KEY_FILE",
                master_key(folder.path()).display().to_string(),
            ),
            ("PHOTOLOG_NATS_URL", nats_urls(&nats)),
            ("PHOTOLOG_NATS_REPLICAS", nats.len().to_string()),
            (
                "PHOTOLOG_BLOB_URL",
                format!("file://{}", pictures.path().display()),
            ),
            ("PHOTOLOG_IMAGES_PER_ACCOUNT", "1000000".to_owned()),
        ];
        let mut scaled = Self {
            postgres,
            nats,
            nodes: Vec::new(),
            projectors: Vec::new(),
            account: String::new(),
            key: Default::default(),
            client: crate::client(),
            pictures,
            settings: settings
                .map(|(name, value)| (name.to_owned(), value))
                .into(),
            folder,
        };
        for number in 0..2 {
            scaled.start_projector(number);
        }
        for number in 0..2 {
            scaled.start_node(number);
        }
        scaled.open_account();
        scaled.wait_until_ready().await;
        scaled
    }

    /// Where its NATS servers are.
    pub fn nats_url(&self) -> String {
        nats_urls(&self.nats)
    }

    fn start_projector(&mut self, number: usize) {
        let log = self.folder.path().join(format!("projector-{number}.log"));
        let settings = self.settings.clone();
        let projector = Process::start("photolog-projector", &[], settings, log);
        self.projectors.push(projector);
    }

    fn start_node(&mut self, number: usize) {
        let address = format!("127.0.0.1:{}", free_port());
        let mut settings = self.settings.clone();
        settings.push(("PHOTOLOG_LISTEN".to_owned(), address.clone()));
        settings.push((
            "PHOTOLOG_PUBLIC_URL".to_owned(),
            "http://photolog.test".to_owned(),
        ));
        let data = self.folder.path().join(format!("node-{number}"));
        settings.push(("PHOTOLOG_DATA_DIR".to_owned(), data.display().to_string()));
        std::fs::create_dir_all(&data).expect("a folder");
        let log = self.folder.path().join(format!("node-{number}.log"));
        self.nodes.push(Node {
            process: Process::start("photolog", &["api"], settings, log),
            url: format!("http://{address}"),
        });
    }

    fn open_account(&mut self) {
        let output = self.command(&["account", "create", "scaled"]);
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).expect("text");
        let mut last = text
            .lines()
            .filter_map(|line| line.split_whitespace().last());
        let mut next = || last.next().expect("a line").to_owned();
        self.account = next();
        self.key = (next(), next());
    }

    /// Runs a command of the operator.
    pub fn command(&self, arguments: &[&str]) -> Output {
        Command::new(program("photolog"))
            .args(arguments)
            .env("PHOTOLOG_DATA_DIR", self.folder.path().join("operator"))
            .envs(self.settings.iter().map(|(name, value)| (name, value)))
            .output()
            .expect("photolog runs")
    }

    /// Waits until every node says that it is ready.
    pub async fn wait_until_ready(&self) {
        for node in &self.nodes {
            let began = Instant::now();
            loop {
                let answer = self.client.get(format!("{}/readyz", node.url)).send().await;
                if answer.is_ok_and(|answer| answer.status() == StatusCode::OK) {
                    break;
                }
                assert!(began.elapsed() < PATIENCE, "{}", node.process.log());
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }

    /// A request to a node, below the account's path, with its key.
    pub fn request(&self, node: usize, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}/accounts/{}{path}", self.nodes[node].url, self.account);
        self.client
            .request(method, url)
            .basic_auth(&self.key.0, Some(&self.key.1))
    }
}

fn nats_urls(servers: &[Nats]) -> String {
    let urls: Vec<_> = servers.iter().map(Nats::url).collect();
    urls.join(",")
}
