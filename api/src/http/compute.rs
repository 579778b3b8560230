//! The blocking pool, for work that would block an async thread for milliseconds.

use bytes::Bytes;
use tokio::runtime::Handle;

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

/// Bytes that are freed on the blocking pool when the last reference is dropped, because returning
/// megabytes to the system takes milliseconds.
pub fn freed_elsewhere(bytes: Vec<u8>) -> Bytes {
    Bytes::from_owner(Large(bytes))
}

struct Large(Vec<u8>);

impl AsRef<[u8]> for Large {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Large {
    fn drop(&mut self) {
        /// Up to this size, freeing takes a few hundred microseconds, so it happens inline.
        const SMALL_BYTES: usize = 512 << 10;
        if self.0.capacity() > SMALL_BYTES
            && let Ok(runtime) = Handle::try_current()
        {
            let bytes = std::mem::take(&mut self.0);
            runtime.spawn_blocking(move || drop(bytes));
        }
    }
}
