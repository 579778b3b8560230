//! `photolog gc`

use std::time::Duration;

use clap::Args;
use photolog_projector::gc::{Collection, QUARANTINE, collect_garbage};

use crate::installation::Place;
use crate::installation::{find_blobs, find_store};
use crate::output::print;

/// What to remove.
#[derive(Args, Clone, Debug)]
pub struct GcArguments {
    /// Only report what would be removed
    #[arg(long)]
    dry_run: bool,

    /// Keep pictures younger than this, in hours, because an upload may be about to name them
    #[arg(
        long,
        env = "PHOTOLOG_GC_GRACE_HOURS",
        default_value_t = 24,
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    grace_hours: u32,
}

/// Removes pictures that no event names. The server may run meanwhile.
///
/// # Errors
/// When the database or the pictures cannot be read, or a picture cannot be removed.
pub async fn run(place: &Place, arguments: &GcArguments) -> anyhow::Result<()> {
    let store = find_store(place).await?;
    let blobs = find_blobs(place).await?;
    let collection = Collection {
        grace: Duration::from_secs(u64::from(arguments.grace_hours) * 60 * 60),
        quarantine: QUARANTINE,
        dry_run: arguments.dry_run,
    };
    let collected = collect_garbage(&store, &blobs, collection).await;
    store.close().await;
    let collected = collected?;
    for digest in &collected.garbage {
        print(digest);
    }
    let done = if arguments.dry_run {
        "would be removed"
    } else {
        "removed"
    };
    print(format_args!(
        "{} pictures, {} named by no event: {} ({} bytes) {done}, {} too young",
        collected.blobs,
        collected.garbage.len() as u64 + collected.young,
        collected.garbage.len(),
        collected.garbage_bytes,
        collected.young
    ));
    Ok(())
}
