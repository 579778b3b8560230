//! Work that costs processors or memory: so much at once, and clients in turn.
//!
//! In a plain queue one client's thousand jobs hold up everybody's next one. Here each client has a
//! lane of its own, and the lanes take turns.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use photolog_telemetry::metric;
use tokio::sync::oneshot;

use crate::error::ApiError;
use crate::http::memory::Holder;

/// Runs blocking jobs.
pub struct FairQueue {
    name: &'static str,
    most_bytes: u64,
    most_waiting: usize,
    longest_wait: Duration,
    state: Mutex<State>,
}

struct State {
    workers: usize,
    bytes: u64,
    /// Those who wait, the next one to be served first.
    lanes: VecDeque<Lane>,
}

struct Lane {
    holder: Holder,
    waiting: VecDeque<Waiting>,
}

struct Waiting {
    bytes: u64,
    ready: oneshot::Sender<Turn>,
}

/// What a queue allows.
#[derive(Clone, Copy, Debug)]
pub struct QueueLimits {
    /// Jobs at once.
    pub workers: usize,
    /// Memory of all jobs at once.
    pub bytes: u64,
    /// Jobs of one holder that may wait.
    pub waiting: usize,
    /// How long a job may wait.
    pub longest_wait: Duration,
}

impl FairQueue {
    /// An empty queue. It has its name in the metrics.
    pub fn new(name: &'static str, limits: QueueLimits) -> Arc<Self> {
        Arc::new(Self {
            name,
            most_bytes: limits.bytes.max(1),
            most_waiting: limits.waiting,
            longest_wait: limits.longest_wait,
            state: Mutex::new(State {
                workers: limits.workers,
                bytes: limits.bytes.max(1),
                lanes: VecDeque::new(),
            }),
        })
    }

    /// Runs a job that needs so many bytes when its holder's turn comes.
    ///
    /// # Errors
    /// `Unavailable` when too many jobs of the holder wait already, or it waits for too long.
    pub async fn run<T: Send + 'static>(
        self: &Arc<Self>,
        holder: Holder,
        bytes: u64,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        let turn = self.turn(holder, bytes).await?;
        let (done, _room) = turn.run(job).await?;
        Ok(done)
    }

    /// Waits for a turn, for work that is more than one job.
    ///
    /// # Errors
    /// As [`FairQueue::run`].
    pub async fn turn(self: &Arc<Self>, holder: Holder, bytes: u64) -> Result<Turn, ApiError> {
        // One job may need more than the whole budget: then it has it alone.
        let bytes = bytes.clamp(1, self.most_bytes);
        let ready = {
            let mut state = self.lock();
            if state.lanes.is_empty() && state.fits(bytes) {
                return Ok(self.begin(&mut state, bytes));
            }
            self.wait_in_lane(&mut state, holder, bytes)?
        };
        let gauge = metrics::gauge!(metric::QUEUE, "queue" => self.name);
        gauge.increment(1);
        let turn = tokio::time::timeout(self.longest_wait, ready).await;
        gauge.decrement(1);
        match turn {
            Ok(Ok(turn)) => Ok(turn),
            _ => Err(too_many()),
        }
    }

    fn wait_in_lane(
        &self,
        state: &mut State,
        holder: Holder,
        bytes: u64,
    ) -> Result<oneshot::Receiver<Turn>, ApiError> {
        let (ready, turn) = oneshot::channel();
        let waiting = Waiting { bytes, ready };
        match state.lanes.iter_mut().find(|lane| lane.holder == holder) {
            Some(lane) => {
                lane.waiting.retain(|waiting| !waiting.ready.is_closed());
                if lane.waiting.len() >= self.most_waiting {
                    return Err(too_many());
                }
                lane.waiting.push_back(waiting);
            }
            None => state.lanes.push_back(Lane {
                holder,
                waiting: VecDeque::from([waiting]),
            }),
        }
        Ok(turn)
    }

    fn begin(self: &Arc<Self>, state: &mut State, bytes: u64) -> Turn {
        state.workers -= 1;
        state.bytes -= bytes;
        memory(self.name).increment(bytes as f64);
        Turn {
            worker: Worker(self.clone()),
            room: Room {
                queue: self.clone(),
                bytes,
            },
        }
    }

    /// Gives turns to those who wait, for as long as the next one's needs are met.
    fn dispatch(self: &Arc<Self>) {
        // A turn that nobody takes any more dispatches when it is dropped: not under our lock.
        let mut untaken = Vec::new();
        let mut state = self.lock();
        while let Some(mut lane) = state.lanes.pop_front() {
            let Some(next) = lane.waiting.pop_front() else {
                continue;
            };
            if next.ready.is_closed() {
                state.lanes.push_front(lane);
                continue;
            }
            if !state.fits(next.bytes) {
                lane.waiting.push_front(next);
                state.lanes.push_front(lane);
                break;
            }
            let turn = self.begin(&mut state, next.bytes);
            if let Err(turn) = next.ready.send(turn) {
                untaken.push(turn);
            }
            if !lane.waiting.is_empty() {
                state.lanes.push_back(lane);
            }
        }
        drop(state);
        drop(untaken);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn fits(&self, bytes: u64) -> bool {
        self.workers > 0 && self.bytes >= bytes
    }
}

/// A place at work, with its memory.
pub struct Turn {
    worker: Worker,
    room: Room,
}

struct Worker(Arc<FairQueue>);

/// Memory of a queue, given back when it is dropped.
pub struct Room {
    queue: Arc<FairQueue>,
    bytes: u64,
}

impl Turn {
    /// Runs a job on the blocking pool. The turn lasts as long as the job, also when nobody waits for
    /// it any more; its memory is the caller's for as long as the result is.
    ///
    /// # Errors
    /// `Internal` when the job panics.
    pub async fn run<T: Send + 'static>(
        self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<(T, Room), ApiError> {
        let Self { worker, room } = self;
        let work = move || {
            let done = job();
            drop(worker);
            (done, room)
        };
        tokio::task::spawn_blocking(work)
            .await
            .map_err(ApiError::internal)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.0.lock().workers += 1;
        self.0.dispatch();
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.queue.lock().bytes += self.bytes;
        memory(self.queue.name).decrement(self.bytes as f64);
        self.queue.dispatch();
    }
}

fn memory(name: &'static str) -> metrics::Gauge {
    metrics::gauge!(metric::MEMORY_RESERVED_BYTES, "use" => name)
}

fn too_many() -> ApiError {
    ApiError::busy("too many requests wait for their turn")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    fn holder(last: u8) -> Holder {
        Holder::Address([127, 0, 1, last].into())
    }

    fn queue(workers: usize, bytes: u64, waiting: usize) -> Arc<FairQueue> {
        let limits = QueueLimits {
            workers,
            bytes,
            waiting,
            longest_wait: Duration::from_secs(30),
        };
        FairQueue::new("test", limits)
    }

    /// Waits until so many wait.
    async fn until_waiting(queue: &FairQueue, wanted: usize) {
        let waiting = || {
            let state = queue.lock();
            let lanes = state.lanes.iter();
            lanes.map(|lane| lane.waiting.len()).sum::<usize>()
        };
        while wanted != waiting() {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn holders_take_turns_whatever_the_length_of_their_lanes() {
        let queue = queue(1, 100, 10);
        let first = queue.turn(holder(1), 1).await.unwrap();
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut jobs = Vec::new();
        for (place, number) in [1, 1, 1, 2, 2, 3].into_iter().enumerate() {
            let (queued, order) = (queue.clone(), order.clone());
            jobs.push(tokio::spawn(async move {
                let work = move || order.lock().unwrap().push(number);
                queued.run(holder(number), 1, work).await
            }));
            until_waiting(&queue, place + 1).await;
        }
        drop(first);
        for job in jobs {
            job.await.unwrap().unwrap();
        }
        assert_eq!(*order.lock().unwrap(), [1, 2, 3, 1, 2, 1]);
    }

    #[tokio::test]
    async fn memory_is_waited_for_and_given_back() {
        let queue = queue(8, 100, 10);
        let large = queue.turn(holder(1), 1_000).await.unwrap();
        let second = tokio::spawn({
            let queue = queue.clone();
            async move { queue.run(holder(2), 60, || 2).await }
        });
        until_waiting(&queue, 1).await;
        drop(large);
        assert_eq!(second.await.unwrap().unwrap(), 2);
        assert_eq!(queue.lock().bytes, 100);
        assert_eq!(queue.lock().workers, 8);
    }

    #[tokio::test]
    async fn a_full_lane_refuses_and_another_does_not() {
        let queue = queue(1, 100, 1);
        let first = queue.turn(holder(1), 1).await.unwrap();
        let waits = tokio::spawn({
            let queue = queue.clone();
            async move { queue.run(holder(1), 1, || 1).await }
        });
        until_waiting(&queue, 1).await;
        let refused = queue.run(holder(1), 1, || 2).await.unwrap_err();
        assert!(matches!(refused.kind, Kind::Unavailable { .. }));
        let other = tokio::spawn({
            let queue = queue.clone();
            async move { queue.run(holder(2), 1, || 3).await }
        });
        until_waiting(&queue, 2).await;
        drop(first);
        assert_eq!(waits.await.unwrap().unwrap(), 1);
        assert_eq!(other.await.unwrap().unwrap(), 3);
    }

    #[tokio::test]
    async fn a_turn_that_nobody_waits_for_goes_to_the_next() {
        let queue = queue(1, 100, 10);
        let first = queue.turn(holder(1), 1).await.unwrap();
        let gone = tokio::spawn({
            let queue = queue.clone();
            async move { queue.run(holder(1), 1, || 1).await }
        });
        until_waiting(&queue, 1).await;
        gone.abort();
        assert!(gone.await.unwrap_err().is_cancelled());
        drop(first);
        assert_eq!(queue.run(holder(2), 1, || 2).await.unwrap(), 2);
    }
}
