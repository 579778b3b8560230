//! Load shed: so many requests at once, the rest turned away while that is still cheap.
//!
//! Whoever waits longer than its client does only work for nobody; so nothing queues here.

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::error::ApiError;

/// The requests in flight.
pub struct Load {
    places: Semaphore,
}

impl Load {
    /// So many at once; 0 = without end.
    pub fn new(most: usize) -> Self {
        let places = match most {
            0 => Semaphore::MAX_PERMITS,
            most => most.min(Semaphore::MAX_PERMITS),
        };
        Self {
            places: Semaphore::new(places),
        }
    }

    /// Takes a place, to be held until the answer is made.
    ///
    /// # Errors
    /// `Unavailable` when there is none.
    pub fn enter(&self) -> Result<SemaphorePermit<'_>, ApiError> {
        self.places
            .try_acquire()
            .map_err(|_| ApiError::busy("too many requests are in flight"))
    }
}
