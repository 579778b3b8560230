//! The processor's queue: so many jobs at once, so many waiting, the rest turned away at once.

use std::sync::atomic::{AtomicUsize, Ordering};

use photolog_telemetry::metric;
use tokio::sync::Semaphore;

use crate::error::ApiError;

/// Runs blocking jobs, at most `workers` at a time.
pub struct WorkQueue {
    name: &'static str,
    places: Semaphore,
    waiting: AtomicUsize,
    most_waiting: usize,
}

impl WorkQueue {
    /// A queue for so many jobs at once and so many waiting. It has its name in the metrics.
    pub fn new(name: &'static str, workers: usize, most_waiting: usize) -> Self {
        Self {
            name,
            places: Semaphore::new(workers),
            waiting: AtomicUsize::new(0),
            most_waiting,
        }
    }

    /// Runs a job when its turn comes.
    ///
    /// # Errors
    /// `Unavailable` when too many wait already.
    pub async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        let place = match self.places.try_acquire() {
            Ok(place) => place,
            Err(_) => self.wait().await?,
        };
        let done = tokio::task::spawn_blocking(job).await;
        drop(place);
        done.map_err(ApiError::internal)
    }

    async fn wait(&self) -> Result<tokio::sync::SemaphorePermit<'_>, ApiError> {
        let turn = Waiting::enter(self)?;
        let place = self.places.acquire().await.map_err(ApiError::internal)?;
        drop(turn);
        Ok(place)
    }
}

/// A place among the waiting, given up also when the request is dropped.
struct Waiting<'a>(&'a WorkQueue);

impl<'a> Waiting<'a> {
    fn enter(queue: &'a WorkQueue) -> Result<Self, ApiError> {
        let turn = Self(queue);
        turn.gauge().increment(1);
        if queue.waiting.fetch_add(1, Ordering::Relaxed) >= queue.most_waiting {
            return Err(ApiError::busy("too many pictures are being rendered"));
        }
        Ok(turn)
    }

    fn gauge(&self) -> metrics::Gauge {
        metrics::gauge!(metric::QUEUE, "queue" => self.0.name)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
        self.gauge().decrement(1);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::mpsc;

    use super::*;
    use crate::error::Kind;

    #[tokio::test]
    async fn a_full_queue_turns_away_at_once() {
        let queue = Arc::new(WorkQueue::new("test", 1, 1));
        let (release, wait) = mpsc::channel::<()>();
        let first = tokio::spawn({
            let queue = queue.clone();
            async move { queue.run(move || wait.recv().is_ok()).await }
        });
        while queue.places.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let second = tokio::spawn({
            let queue = queue.clone();
            async move { queue.run(|| 2).await }
        });
        while queue.waiting.load(Ordering::Relaxed) == 0 {
            tokio::task::yield_now().await;
        }
        let third = queue.run(|| 3).await.unwrap_err();
        assert!(matches!(third.kind, Kind::Unavailable { .. }));
        release.send(()).unwrap();
        assert!(first.await.unwrap().unwrap());
        assert_eq!(second.await.unwrap().unwrap(), 2);
        assert_eq!(queue.run(|| 4).await.unwrap(), 4);
    }
}
