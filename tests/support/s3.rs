//! An S3 server with one bucket, on a folder of its own: `rclone serve s3`.

use std::net::TcpStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::process::{PATIENCE, Process, free_port, python_program};

const KEY_ID: &str = "photolog-key";
const SECRET: &str = "photolog-secret";

/// A server that can be killed and started again on the same objects. Killed when dropped.
pub struct S3 {
    server: Process,
    address: String,
    folder: TempDir,
}

impl S3 {
    /// The name of the existing bucket.
    pub const BUCKET: &str = "pictures";

    /// Starts a server.
    pub fn start() -> Self {
        // For the clients of this process.
        photolog_telemetry::tls::install_crypto_provider();
        let folder = tempfile::tempdir().expect("a temporary folder");
        let objects = folder.path().join("objects");
        std::fs::create_dir_all(objects.join(Self::BUCKET)).expect("a folder");
        let address = format!("127.0.0.1:{}", free_port());
        let key = format!("{KEY_ID},{SECRET}");
        let mut arguments = vec!["serve", "s3", "--config", "", "--addr", &address];
        arguments.extend(["--auth-key", &key]);
        arguments.push(objects.to_str().expect("a path of ours"));
        let log = folder.path().join("log");
        let rclone = python_program("rclone");
        let s3 = Self {
            server: Process::start_program(rclone, &arguments, Vec::new(), log),
            address,
            folder,
        };
        s3.wait_until_it_listens();
        s3
    }

    /// Kills the server (SIGKILL).
    pub fn kill(&mut self) {
        self.server.kill();
    }

    /// Starts the server again after [`Self::kill`].
    pub fn restart(&mut self) {
        self.server.start_again();
        self.wait_until_it_listens();
    }

    /// The environment that gives a client access.
    pub fn environment(&self) -> [(&'static str, String); 4] {
        [
            ("AWS_ACCESS_KEY_ID", KEY_ID.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", SECRET.to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ENDPOINT_URL", format!("http://{}", self.address)),
        ]
    }

    /// The file in which an object of the bucket is stored.
    pub fn object(&self, key: &str) -> PathBuf {
        self.folder
            .path()
            .join("objects")
            .join(Self::BUCKET)
            .join(key)
    }

    fn wait_until_it_listens(&self) {
        let began = Instant::now();
        while TcpStream::connect(&self.address).is_err() {
            assert!(began.elapsed() < PATIENCE, "{}", self.server.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}
