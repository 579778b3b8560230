//! A PostgreSQL cluster of our own, in a temporary folder, reached by a Unix socket.
//!
//! A shell owns the server and waits for the end of its standard input, which this process holds:
//! however this process ends, the pipe closes and the server stops at once.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sqlx::{Connection, Executor, PgConnection};

/// Where packages install the programs, newest version first.
const PLACES: [&str; 4] = [
    "/usr/lib/postgresql/18/bin",
    "/usr/lib/postgresql/17/bin",
    "/usr/lib/postgresql/16/bin",
    "/usr/lib/postgresql/15/bin",
];

const MAKE: &str = r#"
folder=$(mktemp -d /tmp/photolog-postgres.XXXXXX) &&
initdb -D "$folder/data" -A trust -U photolog -E UTF8 --locale=C >"$folder/log" 2>&1 &&
echo "$folder"
"#;

const SERVE: &str = r#"
postgres -D "$1/data" -k "$1" -c listen_addresses= -c fsync=$2 -c max_connections=300 \
  >>"$1/log" 2>&1 &
cat >/dev/null
kill -QUIT $!
wait
"#;

/// A cluster; stopped and removed when dropped.
pub struct Cluster {
    folder: PathBuf,
    fsync: &'static str,
    server: Option<Server>,
    databases: AtomicU32,
}

struct Server {
    shell: Child,
    /// Closing it stops the server.
    lifeline: ChildStdin,
}

/// The URL of a new, empty database in a cluster that the whole process shares.
pub async fn new_database() -> String {
    static SHARED: OnceLock<Cluster> = OnceLock::new();
    SHARED.get_or_init(Cluster::start).new_database().await
}

impl Cluster {
    /// Creates and starts a cluster without fsync: surviving a power cut is not under test.
    pub fn start() -> Self {
        Self::make("off")
    }

    /// Creates and starts a cluster as durable, and so as slow, as in production.
    pub fn start_durable() -> Self {
        Self::make("on")
    }

    fn make(fsync: &'static str) -> Self {
        let mut made = shell(MAKE, &[])
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell");
        let mut folder = String::new();
        let output = made.stdout.take().expect("a pipe");
        BufReader::new(output)
            .read_line(&mut folder)
            .expect("a folder");
        let status = made.wait().expect("initdb ends");
        assert!(status.success(), "initdb failed: is PostgreSQL installed?");
        let mut cluster = Self {
            folder: PathBuf::from(folder.trim()),
            fsync,
            server: None,
            databases: AtomicU32::new(0),
        };
        cluster.start_again();
        cluster
    }

    /// Starts the server after [`Cluster::stop_at_once`].
    pub fn start_again(&mut self) {
        let folder = self.folder.to_str().expect("a path of ours");
        let mut shell = shell(SERVE, &[folder, self.fsync])
            .stdin(Stdio::piped())
            .spawn()
            .expect("a shell");
        let lifeline = shell.stdin.take().expect("a pipe");
        self.server = Some(Server { shell, lifeline });
    }

    /// Stops the server as a crash would: no checkpoint, every connection cut.
    pub fn stop_at_once(&mut self) {
        if let Some(Server {
            mut shell,
            lifeline,
        }) = self.server.take()
        {
            drop(lifeline);
            shell.wait().expect("the server ends");
        }
    }

    /// One of PostgreSQL's own programs, with this cluster's `database` as its target.
    pub fn program(&self, name: &str, database: &str) -> Command {
        let mut program = Command::new(name);
        program
            .env("PATH", search_path())
            .args(["--host", self.folder.to_str().expect("a path of ours")])
            .args(["--username", "photolog", database]);
        program
    }

    /// The URL of a database, as its owner.
    pub fn url(&self, database: &str) -> String {
        // The host in the URL is only there because a URL needs one.
        let folder = self.folder.display();
        format!("postgres://photolog@localhost/{database}?host={folder}")
    }

    /// The server's socket, for a link to it.
    pub fn socket(&self) -> PathBuf {
        self.folder.join(".s.PGSQL.5432")
    }

    /// Creates a new, empty database and returns its URL. Waits for the server to start.
    pub async fn new_database(&self) -> String {
        let mut connection = self.connect("postgres").await;
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{number}");
        connection
            .execute(format!("CREATE DATABASE {name}").as_str())
            .await
            .expect("a database");
        self.url(&name)
    }

    /// A connection to a database; waits for the server to start.
    pub async fn connect(&self, database: &str) -> PgConnection {
        let mut attempts = 0;
        loop {
            match PgConnection::connect(&self.url(database)).await {
                Ok(connection) => return connection,
                Err(error) if attempts == 200 => panic!("the cluster does not start: {error}"),
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
            attempts += 1;
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.stop_at_once();
        // A temporary folder left behind is not a reason to fail.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// A shell with PostgreSQL's programs on its path, run by a user other than root: the server
/// refuses to run as root.
fn shell(script: &str, arguments: &[&str]) -> Command {
    let user = Command::new("id").arg("-u").output().expect("id");
    let mut shell = if user.stdout == b"0\n" {
        let mut shell = Command::new("setpriv");
        shell.args([
            "--reuid=postgres",
            "--regid=postgres",
            "--clear-groups",
            "sh",
        ]);
        shell
    } else {
        Command::new("sh")
    };
    shell
        .args(["-c", script, "sh"])
        .args(arguments)
        .current_dir("/")
        .env("PATH", search_path());
    shell
}

/// The usual search path, preceded by PostgreSQL's programs.
fn search_path() -> String {
    let programs = PLACES
        .iter()
        .find(|place| PathBuf::from(place).join("postgres").exists());
    let search = std::env::var("PATH").unwrap_or_default();
    programs.map_or(search.clone(), |place| format!("{place}:{search}"))
}
