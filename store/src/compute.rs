//! Converts rows on the blocking pool: an async thread that copies and parses megabytes of JSON
//! delays every other request.

use crate::StoreError;

/// Up to this many rows are converted on the calling thread: one event may have 256 KiB.
const FEW: usize = 1;

/// Runs `work`, which converts this many rows.
pub(crate) async fn compute<T: Send + 'static>(
    rows: usize,
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    if rows <= FEW {
        return work();
    }
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| StoreError::Corrupt(format!("rows could not be read: {error}")))?
}
