//! NATS servers of our own, with JetStream, in temporary folders.

use std::time::{Duration, Instant};

use async_nats::jetstream;
use async_nats::jetstream::consumer::{AckPolicy, PullConsumer, pull};
use tempfile::TempDir;

use crate::process::{PATIENCE, Process, free_port, python_program, signal};

/// A server that can be killed and started again on the same files. Gone when dropped.
pub struct Nats {
    server: Process,
    port: u16,
    folder: TempDir,
}

impl Nats {
    /// Starts a server.
    pub fn start() -> Self {
        Self::with(&[])
    }

    /// Starts a server that requires this user and password.
    pub fn with_login(user: &str, password: &str) -> Self {
        Self::with(&["--user", user, "--pass", password])
    }

    /// Starts a server with users whose rights [`Nats::set_rights`] changes.
    pub fn with_rights(rights: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("rights.conf");
        std::fs::write(&file, rights).expect("written");
        let file = file.to_str().expect("a path of ours").to_owned();
        Self::in_folder(folder, &["--config", &file])
    }

    /// Changes the rights while it runs.
    pub fn set_rights(&self, rights: &str) {
        std::fs::write(self.folder.path().join("rights.conf"), rights).expect("written");
        signal(self.server.id(), "HUP");
    }

    fn with(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        Self::in_folder(folder, arguments)
    }

    fn in_folder(folder: TempDir, arguments: &[&str]) -> Self {
        let port = free_port();
        let (files, port_text) = (folder.path().join("files"), port.to_string());
        let mut all = vec!["--jetstream", "--addr", "127.0.0.1", "--port", &port_text];
        all.extend(["--store_dir", files.to_str().expect("a path of ours")]);
        all.extend(arguments);
        let log = folder.path().join("log");
        let program = python_program("nats-server");
        let server = Process::start_program(program, &all, Vec::new(), log);
        let nats = Self {
            server,
            port,
            folder,
        };
        nats.wait_until_it_listens();
        nats
    }

    /// Starts three servers that replicate streams.
    pub fn cluster() -> [Self; 3] {
        let ports = [free_port(), free_port(), free_port()];
        let routes = ports
            .map(|port| format!("nats://127.0.0.1:{port}"))
            .join(",");
        [0, 1, 2].map(|number: usize| {
            let (name, address) = (
                format!("node{number}"),
                format!("nats://127.0.0.1:{}", ports[number]),
            );
            let cluster = ["--cluster_name", "photolog", "--cluster", &address];
            let mut arguments = vec!["--server_name", &name, "--routes", &routes];
            arguments.extend(cluster);
            Self::with(&arguments)
        })
    }

    /// `nats://…`
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Kills the server (SIGKILL).
    pub fn kill(&mut self) {
        self.server.kill();
    }

    /// Starts the server again after [`Nats::kill`].
    pub fn start_again(&mut self) {
        self.server.start_again();
        self.wait_until_it_listens();
    }

    fn wait_until_it_listens(&self) {
        let began = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(began.elapsed() < PATIENCE, "{}", self.server.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// The relay's stream on these servers (URLs separated by commas), from its first message on;
/// `None` if the stream does not exist.
pub async fn messages(urls: &str, subjects: &str) -> Option<pull::Stream> {
    let servers: Vec<_> = urls.split(',').collect();
    let jetstream = jetstream::new(async_nats::connect(servers).await.ok()?);
    let stream = jetstream.get_stream("PHOTOLOG").await.ok()?;
    let config = pull::Config {
        ack_policy: AckPolicy::None,
        filter_subject: subjects.to_owned(),
        ..Default::default()
    };
    let consumer: PullConsumer = stream.create_consumer(config).await.ok()?;
    consumer.messages().await.ok()
}
