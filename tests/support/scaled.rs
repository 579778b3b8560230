//! Photolog scaled out, as processes: API nodes and projectors over one PostgreSQL, one folder of
//! pictures, and one NATS server or three.

use std::process::{Command, Output};
use std::time::{Duration, Instant};

use reqwest::{Client, Method, RequestBuilder, StatusCode};
use sqlx::Row;

use crate::link::{Link, Target};
use crate::nats::Nats;
use crate::postgres::Cluster;
use crate::process::{PATIENCE, Process, free_port, master_key, program};
use crate::small_disk::SmallDisk;
use crate::story_folder::StoryFolder;

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
    /// The NATS servers, one or three.
    pub nats: Vec<Nats>,
    /// The API nodes.
    pub nodes: Vec<Node>,
    /// The projectors, of which one is active.
    pub projectors: Vec<Process>,
    /// How each node reaches the database.
    pub node_links: Vec<Link>,
    /// How each projector reaches the database.
    pub projector_links: Vec<Link>,
    /// An account.
    pub account: String,
    /// Key id and secret.
    pub key: (String, String),
    /// A client with no state but its connections.
    pub client: Client,
    /// The disk that holds the pictures.
    pub pictures: SmallDisk,
    /// The database's name.
    pub database: String,
    settings: Vec<(String, String)>,
    folder: StoryFolder,
}

impl Scaled {
    /// Starts two API nodes and two projectors with one NATS server, and opens an account.
    pub async fn start() -> Self {
        Self::over(Cluster::start(), vec![Nats::start()]).await
    }

    /// Like [`Self::start`], with a database as slow as in production.
    pub async fn durable() -> Self {
        Self::over(Cluster::start_durable(), vec![Nats::start()]).await
    }

    /// Like [`Self::start`], with these NATS servers, all of which keep the stream.
    pub async fn with_nats(nats: Vec<Nats>) -> Self {
        Self::over(Cluster::start(), nats).await
    }

    async fn over(postgres: Cluster, nats: Vec<Nats>) -> Self {
        let folder = StoryFolder::new();
        let pictures = SmallDisk::of_megabytes(PICTURES_MEGABYTES);
        let url = postgres.new_database().await;
        let settings = [
            ("PHOTOLOG_DATABASE_URL", url.clone()),
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
            node_links: Vec::new(),
            projector_links: Vec::new(),
            account: String::new(),
            key: Default::default(),
            client: crate::client(),
            pictures,
            database: database_of(&url),
            settings: settings
                .map(|(name, value)| (name.to_owned(), value))
                .into(),
            folder,
        };
        let migrated = scaled.command(&["migrate"]);
        assert!(migrated.status.success(), "{migrated:?}");
        for number in 0..2 {
            scaled.start_projector(number).await;
        }
        for number in 0..2 {
            scaled.start_node(number).await;
        }
        scaled.open_account();
        scaled.wait_until_ready().await;
        scaled
    }

    /// The URLs of its NATS servers.
    pub fn nats_url(&self) -> String {
        nats_urls(&self.nats)
    }

    /// The settings with the database behind a link of its own.
    async fn linked(&self) -> (Link, Vec<(String, String)>) {
        let link = Link::to(Target::Unix(self.postgres.socket())).await;
        let mut settings = self.settings.clone();
        for (name, value) in &mut settings {
            if name == "PHOTOLOG_DATABASE_URL" {
                *value = format!("postgres://photolog@{}/{}", link.address, self.database);
            }
        }
        (link, settings)
    }

    async fn start_projector(&mut self, number: usize) {
        let log = self.folder.path().join(format!("projector-{number}.log"));
        let (link, settings) = self.linked().await;
        self.projector_links.push(link);
        let projector = Process::start("photolog", &["projector"], settings, log);
        self.projectors.push(projector);
    }

    async fn start_node(&mut self, number: usize) {
        let address = format!("127.0.0.1:{}", free_port());
        let (link, mut settings) = self.linked().await;
        self.node_links.push(link);
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

    /// The PostgreSQL backend process of the connection that sequences events, when it is idle.
    pub async fn sequencing_process(&self) -> u32 {
        let mut operator = self.postgres.connect("postgres").await;
        let query = "SELECT pid FROM pg_stat_activity
                     WHERE state = 'idle' AND query LIKE '%waiting AS MATERIALIZED%FROM unsealed%'";
        let began = Instant::now();
        loop {
            let found = sqlx::query(query).fetch_optional(&mut operator).await;
            if let Some(found) = found.expect("the server's list of processes") {
                let process: i32 = found.get(0);
                return process.unsigned_abs();
            }
            assert!(began.elapsed() < PATIENCE, "nobody sequences");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Runs an operator's command.
    pub fn command(&self, arguments: &[&str]) -> Output {
        Command::new(program("photolog"))
            .args(arguments)
            .env("PHOTOLOG_DATA_DIR", self.folder.path().join("operator"))
            .envs(self.settings.iter().map(|(name, value)| (name, value)))
            .output()
            .expect("photolog runs")
    }

    /// Waits until every node reports that it is ready.
    pub async fn wait_until_ready(&self) {
        for node in &self.nodes {
            let began = Instant::now();
            loop {
                let url = format!("{}/readyz?for=writes", node.url);
                let answer = self.client.get(url).send().await;
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

/// The name in a database's URL, whose query names a folder.
fn database_of(url: &str) -> String {
    let path = url.split('?').next().unwrap_or(url);
    path.rsplit('/').next().unwrap_or(path).to_owned()
}

fn nats_urls(servers: &[Nats]) -> String {
    let urls: Vec<_> = servers.iter().map(Nats::url).collect();
    urls.join(",")
}
