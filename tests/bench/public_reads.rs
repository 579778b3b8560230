//! Cached public pictures per second, against nginx serving the same bytes from disk with the
//! same number of processor cores.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use photolog_tests::TestApp;
use tempfile::TempDir;

use crate::pictures::photograph;
use crate::wrk::{in_turn, requests_per_second};
use photolog_tests::figure::{Figure, Target};

const START: Duration = Duration::from_secs(10);

pub(crate) async fn measure() -> Figure {
    let app = TestApp::spawn().await;
    let image = app.uploaded(photograph(1)).await;
    let public_id = image["publicID"].as_str().expect("publicID");
    let answer = app.public(public_id, "?size=400x400", None).await;
    let rendition = answer.bytes().await.expect("a picture");
    assert!(rendition.starts_with(&[0xff, 0xd8]), "this is not a JPEG");

    let nginx = Nginx::serve(&rendition, "auto");
    let ours = format!("{}/images/{public_id}?size=400x400", app.url);
    let theirs = format!("http://{}/picture.jpg", nginx.address);
    let (measured, limit) = in_turn(
        || requests_per_second(&ours, &[]),
        || requests_per_second(&theirs, &[]),
    );
    Figure {
        name: "cached public 400x400, 32 connections : nginx",
        unit: "requests/s",
        measured,
        limit,
        target: Target::AtLeast(0.6),
    }
}

/// A running nginx with one file, gone when this is dropped.
pub(crate) struct Nginx {
    process: Child,
    pub(crate) address: String,
    _folder: TempDir,
}

impl Nginx {
    pub(crate) fn serve(picture: &[u8], processes: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let address = free.expect("a free port").to_string();
        let configuration = folder.path().join("nginx.conf");
        fs::write(folder.path().join("picture.jpg"), picture).expect("a file");
        fs::write(
            &configuration,
            configuration_text(folder.path(), &address, processes),
        )
        .expect("a file");
        // It is not on every user's search path.
        let program = Some("/usr/sbin/nginx").filter(|program| Path::new(program).is_file());
        let process = Command::new(program.unwrap_or("nginx"))
            .arg("-c")
            .arg(&configuration)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("nginx, which `cargo xtask setup` brings");
        let nginx = Self {
            process,
            address,
            _folder: folder,
        };
        let began = Instant::now();
        while TcpStream::connect(&nginx.address).is_err() {
            assert!(began.elapsed() < START, "nginx does not serve");
            sleep(Duration::from_millis(20));
        }
        nginx
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // SIGKILL would leave its workers behind; SIGTERM ends them too.
        let _ = Command::new("kill")
            .arg(self.process.id().to_string())
            .status();
        let _ = self.process.wait();
    }
}

/// With `auto`, there are as many worker processes as cores, which is also Photolog's number of
/// threads. Connections are kept alive, and requests are not logged.
fn configuration_text(folder: &Path, address: &str, processes: &str) -> String {
    let folder = folder.display();
    format!(
        "daemon off;
         user root;
         worker_processes {processes};
         pid {folder}/nginx.pid;
         error_log stderr;
         events {{ worker_connections 256; }}
         http {{
             access_log off;
             sendfile on;
             tcp_nopush on;
             keepalive_requests 1000000000;
             client_body_temp_path {folder}/body;
             proxy_temp_path {folder}/proxy;
             fastcgi_temp_path {folder}/fastcgi;
             scgi_temp_path {folder}/scgi;
             uwsgi_temp_path {folder}/uwsgi;
             types {{ image/jpeg jpg; }}
             server {{ listen {address}; root {folder}; }}
         }}"
    )
}
