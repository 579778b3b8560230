//! The folder of one story: removed when the story passes, kept and named when it fails.

use std::path::Path;

use tempfile::TempDir;

/// If set, every story prints what its programs logged.
pub const SHOW_LOGS: &str = "PHOTOLOG_TEST_LOGS";

/// A temporary folder that outlives a failure.
#[derive(Debug)]
pub struct StoryFolder(TempDir);

impl StoryFolder {
    /// Creates an empty folder.
    #[expect(clippy::new_without_default, reason = "it makes a folder")]
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for StoryFolder {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.disable_cleanup(true);
            eprintln!("what the story left is in {}", self.0.path().display());
        }
    }
}

/// Whether the logs of a story's programs are printed when they end.
pub fn wants_logs() -> bool {
    std::thread::panicking() || std::env::var_os(SHOW_LOGS).is_some()
}
