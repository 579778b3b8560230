//! Work that would keep an async thread busy for milliseconds: it belongs on the blocking pool.

use crate::error::ApiError;

/// Runs a computation on the blocking pool.
///
/// # Errors
/// `Internal` when it panics.
pub async fn compute<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ApiError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(ApiError::internal)
}
