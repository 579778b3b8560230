//! Rows into values: many of them are read on the blocking pool, because an async thread that parses
//! megabytes of JSON keeps every other request waiting.

use crate::StoreError;

/// So many rows are read at once where they stand.
const FEW: usize = 4;

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
