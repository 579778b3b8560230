//! Rows into values, on the blocking pool: an async thread that copies and parses megabytes of JSON
//! keeps every other request waiting.

use crate::StoreError;

/// So many rows are read where they stand: one event may have 256 KiB.
const FEW: usize = 1;

/// Does work on so many rows.
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
