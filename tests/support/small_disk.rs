//! A disk of a few megabytes that a story can fill up.
//!
//! It is a tmpfs, mounted in the namespace of one process of ours, which needs no privileges. Other
//! processes reach it through `/proc` while that process lives.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use tempfile::TempDir;

/// Mounts, reports it, and waits for the end of its standard input, which this process holds.
const KEEP: &str = r#"mount -t tmpfs -o size="$1" none "$2" && echo mounted && cat >/dev/null"#;

/// A file that takes all remaining space.
const FILLER: &str = "filler";

/// The disk. Gone when dropped.
pub struct SmallDisk {
    path: PathBuf,
    keeper: Child,
    _lifeline: ChildStdin,
    mount_point: TempDir,
}

impl SmallDisk {
    /// Creates an empty disk.
    pub fn of_megabytes(size: u32) -> Self {
        let mount_point = tempfile::tempdir().expect("a temporary folder");
        let mut keeper = Command::new("unshare")
            .args(["--user", "--map-root-user", "--mount"])
            .args(["sh", "-c", KEEP, "sh", &format!("{size}m")])
            .arg(mount_point.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("unshare, of util-linux");
        let lifeline = keeper.stdin.take().expect("a pipe");
        let mut answer = String::new();
        let output = keeper.stdout.take().expect("a pipe");
        BufReader::new(output)
            .read_line(&mut answer)
            .expect("an answer");
        assert_eq!(answer, "mounted\n", "user namespaces must be allowed");
        let inside = mount_point.path().strip_prefix("/").expect("from the root");
        let path = PathBuf::from(format!("/proc/{}/root", keeper.id())).join(inside);
        Self {
            path,
            keeper,
            _lifeline: lifeline,
            mount_point,
        }
    }

    /// The path at which every process of this user finds it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A program that sees the disk under its mount point: SQLite needs the real names of its
    /// files, which exist only for the process that mounted it.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("nsenter");
        command
            .args(["--user", "--mount", "--preserve-credentials"])
            .args(["--target", &self.keeper.id().to_string(), "--"])
            .arg(program);
        command
    }

    /// The disk's path for such a program.
    pub(crate) fn mount_point(&self) -> &Path {
        self.mount_point.path()
    }

    /// Fills the disk.
    pub fn fill(&self) {
        let mut filler = fs::File::create(self.path.join(FILLER)).expect("a file");
        let block = [0; 1 << 16];
        let full = loop {
            if let Err(error) = filler.write_all(&block) {
                break error;
            }
        };
        assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
    }

    /// Frees the space again.
    pub fn empty(&self) {
        fs::remove_file(self.path.join(FILLER)).expect("a filler to remove");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.keeper.kill();
        let _ = self.keeper.wait();
    }
}
