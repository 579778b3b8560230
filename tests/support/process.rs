//! One of our programs as a child that can be killed and started again.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::story_folder::wants_logs;

/// How long a program may take to start or end, on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// How many bytes of the end of a log are shown.
const SHOWN_BYTES: usize = 20_000;

/// A program, how it is started and where its log goes. Killed when dropped.
pub struct Process {
    command: Command,
    log: PathBuf,
    child: Option<Child>,
}

impl Process {
    /// Starts one of our programs.
    pub fn start(
        name: &str,
        arguments: &[&str],
        settings: Vec<(String, String)>,
        log: PathBuf,
    ) -> Self {
        Self::start_program(program(name), arguments, settings, log)
    }

    /// Starts any program.
    pub fn start_program(
        program: PathBuf,
        arguments: &[&str],
        settings: Vec<(String, String)>,
        log: PathBuf,
    ) -> Self {
        let mut command = Command::new(program);
        command.args(arguments).envs(settings);
        Self::start_command(command, log)
    }

    /// Starts a command.
    pub fn start_command(mut command: Command, log: PathBuf) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let mut process = Self {
            command,
            log,
            child: None,
        };
        process.start_again();
        process
    }

    /// Starts the program again after it has ended.
    pub fn start_again(&mut self) {
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.log)
            .expect("a log file");
        let child = self.command.stderr(log).spawn();
        self.child = Some(child.expect("a program: build it first"));
    }

    /// Kills the program (SIGKILL).
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.as_ref().expect("a running program").id()
    }

    /// Suspends it (SIGSTOP); it does not notice.
    pub fn freeze(&self) {
        signal(self.id(), "STOP");
    }

    /// Resumes it (SIGCONT).
    pub fn thaw(&self) {
        signal(self.id(), "CONT");
    }

    /// The exit status, if it has ended by itself.
    pub fn has_ended(&mut self) -> Option<ExitStatus> {
        let child = self.child.as_mut().expect("a program that was started");
        child.try_wait().expect("a child to ask")
    }

    /// Waits until it has ended by itself.
    pub fn ended(&mut self) -> ExitStatus {
        let began = Instant::now();
        loop {
            if let Some(status) = self.has_ended() {
                return status;
            }
            assert!(
                began.elapsed() < PATIENCE,
                "it does not end: {}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// The peak memory since its last start, in bytes.
    pub fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id()));
        let status = status.expect("the status of a running program");
        let kibibytes = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
        let kibibytes: u64 = kibibytes.and_then(|text| text.parse().ok()).expect("VmHWM");
        kibibytes * 1024
    }

    /// What it wrote to standard error since its first start.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if wants_logs() {
            let log = self.log();
            let end = log.len().saturating_sub(SHOWN_BYTES);
            let end = (end..log.len()).find(|at| log.is_char_boundary(*at));
            eprintln!("{}:\n{}", self.log.display(), &log[end.unwrap_or(0)..]);
        }
    }
}

/// Sends a signal to a process, also to another user's.
pub fn signal(process: u32, name: &str) {
    let sent = Command::new("kill")
        .args(["-s", name, &process.to_string()])
        .status();
    assert!(sent.expect("kill").success(), "{process} is not there");
}

/// A file with a master key, for installations on PostgreSQL, where every process needs the same.
pub fn master_key(folder: &Path) -> PathBuf {
    let path = folder.join("master.key");
    std::fs::write(&path, "4d".repeat(32)).expect("a file");
    path
}

/// One of our programs, from the folder of the test binary: `cargo xtask test` builds them first.
pub fn program(name: &str) -> PathBuf {
    let tests = std::env::current_exe().expect("our own path");
    let profile = tests.ancestors().nth(2).expect("target/<profile>/deps");
    let program = profile.join(name);
    assert!(
        program.is_file(),
        "build the programs first: cargo build --workspace"
    );
    program
}

/// A program in the Python environment that `cargo xtask setup` makes.
pub fn python_program(name: &str) -> PathBuf {
    installed(&format!("tools/venv/bin/{name}"))
}

/// A program below `target/` that `cargo xtask setup` installs.
pub(crate) fn installed(path: &str) -> PathBuf {
    let program = target().join(path);
    assert!(
        program.is_file(),
        "run `cargo xtask setup` first: {path} is missing"
    );
    program
}

/// Where cargo builds to.
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"),
        PathBuf::from,
    )
}

/// A port that is free at this moment.
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").port()
}
