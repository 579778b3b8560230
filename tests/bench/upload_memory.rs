//! The server's peak memory while many clients upload the largest pictures at once.

use std::sync::Arc;
use std::time::Instant;

use photolog_tests::TestApp;
use tokio::task::JoinSet;

use photolog_tests::figure::{Figure, Target};

const BUDGET_MEGABYTES: f64 = 600.0;

/// Every picture has its own connection, all at the same time.
pub(crate) async fn measure(name: &'static str, pictures: Vec<Vec<u8>>) -> Figure {
    let app = Arc::new(TestApp::spawn().await);
    let began = Instant::now();
    let mut uploads = JoinSet::new();
    for picture in pictures {
        let app = app.clone();
        uploads.spawn(async move { app.uploaded(picture).await });
    }
    uploads.join_all().await;
    println!("   took {:.1} s", began.elapsed().as_secs_f64());
    Figure {
        name,
        unit: "MB",
        measured: peak_memory_bytes(app.process_id()) as f64 / 1e6,
        limit: BUDGET_MEGABYTES,
        target: Target::AtMost(1.0),
    }
}

/// The peak resident memory of a process, as Linux counts it.
fn peak_memory_bytes(process_id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process_id}/status"));
    let kibibytes: Option<u64> = status
        .expect("a running process")
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"))
        .and_then(|value| value.parse().ok());
    kibibytes.expect("VmHWM in kB") * 1024
}
