//! A queue for work that needs processors or memory: it limits the total, and gives clients equal
//! shares.
//!
//! In a plain queue, one client's thousand jobs delay the next job of all others, and one large job
//! delays many small ones. Here jobs are served by their finish tags (self-clocked fair queueing,
//! S. J. Golestani, INFOCOM 1994): a job's tag is the bytes that its client has had so far plus the
//! job's own. So a small job of a client with few requests goes before the large jobs of busy
//! clients. Because a job may run for seconds, the workers and the memory of one client are capped
//! as well.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use photolog_telemetry::metric;
use tokio::sync::oneshot;

use crate::error::ApiError;
use crate::http::memory::Holder;

/// Runs blocking jobs.
pub struct FairQueue {
    name: &'static str,
    limits: QueueLimits,
    state: Mutex<State>,
}

struct State {
    workers: usize,
    bytes: u64,
    /// The tag of the job that began last.
    clock: u64,
    next: u64,
    /// Waiting jobs, in the order of service.
    waiting: BTreeMap<Tag, Waiting>,
    holders: HashMap<Holder, Account>,
}

/// The bytes that its holder has had; of two equal ones, the earlier job goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Tag {
    finish: u64,
    number: u64,
}

struct Waiting {
    holder: Holder,
    bytes: u64,
    ready: oneshot::Sender<Turn>,
}

/// What a holder has had, what it uses now, and how many of its jobs wait.
#[derive(Default)]
struct Account {
    finish: u64,
    waiting: usize,
    workers: usize,
    bytes: u64,
}

/// The limits of a queue.
#[derive(Clone, Copy, Debug)]
pub struct QueueLimits {
    /// Maximum concurrent jobs.
    pub workers: usize,
    /// Maximum concurrent jobs of one holder.
    pub workers_of_one: usize,
    /// Memory of all concurrent jobs, in bytes. One holder's jobs may use three quarters of it
    /// together; a single job may use all of it.
    pub bytes: u64,
    /// Maximum waiting jobs of one holder.
    pub waiting: usize,
    /// How long a job may wait.
    pub longest_wait: Duration,
}

impl FairQueue {
    /// An empty queue; `name` is its label in metrics.
    pub fn new(name: &'static str, mut limits: QueueLimits) -> Arc<Self> {
        limits.bytes = limits.bytes.max(1);
        Arc::new(Self {
            name,
            limits,
            state: Mutex::new(State {
                workers: limits.workers,
                bytes: limits.bytes,
                clock: 0,
                next: 0,
                waiting: BTreeMap::new(),
                holders: HashMap::new(),
            }),
        })
    }

    /// Runs a job that needs this number of bytes, when its turn comes.
    ///
    /// # Errors
    /// `Unavailable` when too many jobs of the holder wait already, or this one waits for too long.
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

    /// Waits for a turn, for work that consists of several jobs.
    ///
    /// # Errors
    /// As [`FairQueue::run`].
    pub async fn turn(self: &Arc<Self>, holder: Holder, bytes: u64) -> Result<Turn, ApiError> {
        // A job that needs more than the whole budget may run when it has the budget alone.
        let bytes = bytes.clamp(1, self.limits.bytes);
        let (ready, tag) = {
            let mut state = self.lock();
            let fits = state.fits(bytes) && state.may_begin(holder, bytes, &self.limits);
            if state.waiting.is_empty() && fits {
                let tag = state.tag(holder, bytes);
                return Ok(self.begin(&mut state, tag, holder, bytes));
            }
            self.wait_in_line(&mut state, holder, bytes)?
        };
        let _place = PlaceInLine { queue: self, tag };
        self.dispatch();
        match tokio::time::timeout(self.limits.longest_wait, ready).await {
            Ok(Ok(turn)) => Ok(turn),
            _ => Err(too_many()),
        }
    }

    fn wait_in_line(
        &self,
        state: &mut State,
        holder: Holder,
        bytes: u64,
    ) -> Result<(oneshot::Receiver<Turn>, Tag), ApiError> {
        let account = state.holders.entry(holder).or_default();
        if account.waiting >= self.limits.waiting {
            return Err(too_many());
        }
        account.waiting += 1;
        let tag = state.tag(holder, bytes);
        let (ready, turn) = oneshot::channel();
        let waiting = Waiting {
            holder,
            bytes,
            ready,
        };
        state.waiting.insert(tag, waiting);
        metrics::gauge!(metric::QUEUE, "queue" => self.name).increment(1);
        Ok((turn, tag))
    }

    fn begin(self: &Arc<Self>, state: &mut State, tag: Tag, holder: Holder, bytes: u64) -> Turn {
        state.workers -= 1;
        state.bytes -= bytes;
        state.clock = tag.finish;
        let account = state.holders.entry(holder).or_default();
        account.workers += 1;
        account.bytes += bytes;
        // Idle holders that have had no more than the others need not be remembered.
        let clock = state.clock;
        state
            .holders
            .retain(|_, account| account.is_busy() || account.finish > clock);
        memory(self.name).increment(bytes as f64);
        Turn {
            worker: Worker {
                queue: self.clone(),
                holder,
            },
            room: Room {
                queue: self.clone(),
                holder,
                bytes,
            },
        }
    }

    /// Gives turns to waiting jobs, for as long as the next one's needs are met. Skips jobs whose
    /// holders are at their caps.
    fn dispatch(self: &Arc<Self>) {
        // A turn whose receiver is gone dispatches again when dropped, which must not happen under
        // the lock.
        let mut untaken = Vec::new();
        let mut state = self.lock();
        while let Some((tag, bytes)) = state.next(&self.limits)
            && state.fits(bytes)
            && let Some(next) = self.leave(&mut state, tag)
        {
            let turn = self.begin(&mut state, tag, next.holder, next.bytes);
            if let Err(turn) = next.ready.send(turn) {
                untaken.push(turn);
            }
        }
        drop(state);
        drop(untaken);
    }

    /// Removes a job from the queue.
    fn leave(&self, state: &mut State, tag: Tag) -> Option<Waiting> {
        let left = state.waiting.remove(&tag)?;
        if let Some(account) = state.holders.get_mut(&left.holder) {
            account.waiting -= 1;
        }
        metrics::gauge!(metric::QUEUE, "queue" => self.name).decrement(1);
        Some(left)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn fits(&self, bytes: u64) -> bool {
        self.workers > 0 && self.bytes >= bytes
    }

    /// The first waiting job whose holder may have one more.
    fn next(&self, limits: &QueueLimits) -> Option<(Tag, u64)> {
        let mut waiting = self.waiting.iter();
        let (tag, next) =
            waiting.find(|(_, next)| self.may_begin(next.holder, next.bytes, limits))?;
        Some((*tag, next.bytes))
    }

    fn may_begin(&self, holder: Holder, bytes: u64, limits: &QueueLimits) -> bool {
        self.holders.get(&holder).is_none_or(|account| {
            account.workers < limits.workers_of_one
                && (account.bytes == 0 || account.bytes + bytes <= limits.bytes / 4 * 3)
        })
    }

    /// Charges a holder for a job.
    fn tag(&mut self, holder: Holder, bytes: u64) -> Tag {
        let account = self.holders.entry(holder).or_default();
        account.finish = account.finish.max(self.clock).saturating_add(bytes);
        let number = self.next;
        self.next += 1;
        Tag {
            finish: account.finish,
            number,
        }
    }
}

impl Account {
    fn is_busy(&self) -> bool {
        self.waiting > 0 || self.workers > 0 || self.bytes > 0
    }
}

/// Leaves the queue when dropped, if its job still waits then.
struct PlaceInLine<'a> {
    queue: &'a Arc<FairQueue>,
    tag: Tag,
}

impl Drop for PlaceInLine<'_> {
    fn drop(&mut self) {
        let mut state = self.queue.lock();
        let Some(left) = self.queue.leave(&mut state, self.tag) else {
            return;
        };
        // A job that was not served is not charged.
        if let Some(account) = state.holders.get_mut(&left.holder) {
            account.finish -= left.bytes;
        }
        drop(state);
        // It may have blocked smaller ones.
        self.queue.dispatch();
    }
}

/// The right to run a job: a worker and memory.
pub struct Turn {
    worker: Worker,
    room: Room,
}

struct Worker {
    queue: Arc<FairQueue>,
    holder: Holder,
}

/// Memory of a queue, given back when it is dropped.
pub struct Room {
    queue: Arc<FairQueue>,
    holder: Holder,
    bytes: u64,
}

impl Turn {
    /// Runs a job on the blocking pool. The worker is held until the job ends, even if the caller
    /// is gone by then; the memory is returned to the caller together with the result.
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
        let mut state = self.queue.lock();
        state.workers += 1;
        if let Some(account) = state.holders.get_mut(&self.holder) {
            account.workers -= 1;
        }
        drop(state);
        self.queue.dispatch();
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let mut state = self.queue.lock();
        state.bytes += self.bytes;
        if let Some(account) = state.holders.get_mut(&self.holder) {
            account.bytes -= self.bytes;
        }
        drop(state);
        memory(self.queue.name).decrement(self.bytes as f64);
        self.queue.dispatch();
    }
}

fn memory(name: &'static str) -> metrics::Gauge {
    metrics::gauge!(metric::MEMORY_RESERVED_BYTES, "use" => name)
}

fn too_many() -> ApiError {
    ApiError::busy("too many requests are queued")
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
            workers_of_one: workers,
            bytes,
            waiting,
            longest_wait: Duration::from_secs(30),
        };
        FairQueue::new("test", limits)
    }

    /// Waits until this number of jobs wait.
    async fn until_waiting(queue: &FairQueue, wanted: usize) {
        while queue.lock().waiting.len() != wanted {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn holders_have_equal_shares_whatever_the_number_of_their_jobs() {
        assert_order(
            &[(1, 1), (1, 1), (1, 1), (2, 1), (2, 1), (3, 1)],
            &[1, 2, 3, 1, 2, 1],
        )
        .await;
    }

    #[tokio::test]
    async fn a_small_job_goes_before_large_ones_and_does_not_keep_them_waiting_forever() {
        assert_order(
            &[(1, 50), (2, 50), (3, 20), (3, 20), (3, 20)],
            &[3, 3, 1, 2, 3],
        )
        .await;
    }

    /// Queues jobs of the given holders and sizes, then runs them one after the other.
    async fn assert_order(arriving: &[(u8, u64)], served: &[u8]) {
        let queue = queue(1, 100, 10);
        let first = queue.turn(holder(9), 1).await.unwrap();
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut jobs = Vec::new();
        for (place, &(number, bytes)) in arriving.iter().enumerate() {
            let (queued, order) = (queue.clone(), order.clone());
            jobs.push(tokio::spawn(async move {
                let work = move || order.lock().unwrap().push(number);
                queued.run(holder(number), bytes, work).await
            }));
            until_waiting(&queue, place + 1).await;
        }
        drop(first);
        for job in jobs {
            job.await.unwrap().unwrap();
        }
        assert_eq!(*order.lock().unwrap(), served);
        assert!(queue.lock().waiting.is_empty());
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
    async fn a_holder_leaves_a_worker_and_a_quarter_of_the_memory_to_others() {
        let limits = QueueLimits {
            workers: 3,
            workers_of_one: 2,
            bytes: 100,
            waiting: 10,
            longest_wait: Duration::from_secs(30),
        };
        let queue = FairQueue::new("test", limits);
        let first = queue.turn(holder(1), 60).await.unwrap();
        let spawn = |number, bytes| {
            let queue = queue.clone();
            tokio::spawn(async move { queue.turn(holder(number), bytes).await.unwrap() })
        };
        let large = spawn(1, 20);
        until_waiting(&queue, 1).await;
        let other = queue.turn(holder(2), 20).await.unwrap();
        drop(first);
        let large = large.await.unwrap();
        let second = queue.turn(holder(1), 10).await.unwrap();
        let third = spawn(1, 1);
        until_waiting(&queue, 1).await;
        drop((large, other));
        drop((third.await.unwrap(), second));
        let state = queue.lock();
        assert_eq!((state.workers, state.bytes), (3, 100));
        assert!(!state.holders.values().any(Account::is_busy));
    }

    #[tokio::test]
    async fn a_holder_with_too_many_jobs_is_refused_and_another_is_not() {
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
        assert_eq!(
            queue.lock().holders[&holder(1)].finish,
            1,
            "it is not charged"
        );
        drop(first);
        assert_eq!(queue.run(holder(2), 1, || 2).await.unwrap(), 2);
    }
}
