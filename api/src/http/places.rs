//! Places for requests in flight: a pool for each kind of route, and caps for each client.
//!
//! A request that outlives its client's timeout is wasted work, so excess requests are rejected,
//! not queued. Without credentials there is no fair choice of whose request to reject; but an
//! honest client has few requests, and they take milliseconds. So on those routes the oldest
//! request of the client with the most requests is displaced.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use photolog_domain::{AccountId, KeyId};
use photolog_telemetry::metric;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use crate::error::{ApiError, Kind};
use crate::http::client_address::counted_as;
use crate::limits::Limits;

/// How long a request may wait to be authenticated: that takes one query, so places become free
/// soon.
const AUTHENTICATION_WAIT: Duration = Duration::from_secs(5);

/// Maximum concurrent log-ins, refreshes and revocations of one account: they take milliseconds,
/// and compete with all other writes.
const LOG_INS_PER_ACCOUNT: usize = 16;

/// All pools and caps.
#[derive(Debug)]
pub struct Places {
    /// Public pictures.
    pub pictures: RotatingPool,
    /// Routes without credentials, and signed bodies until their signature is checked.
    pub open: RotatingPool,
    /// Requests whose credentials are being checked.
    pub authentication: Pool,
    /// Routes with credentials.
    pub keyed: Pool,
    /// Requests of one client's address.
    pub addresses: Cap<IpAddr>,
    /// Requests of one account.
    pub accounts: Cap<AccountId>,
    /// Requests of one key.
    pub keys: Cap<KeyId>,
    /// Log-ins, refreshes and revocations of one account: each is a write.
    pub log_ins: Cap<AccountId>,
    /// Open feeds and exports of one account.
    pub account_feeds: Cap<AccountId>,
    /// Open feeds and exports of one key.
    pub key_feeds: Cap<KeyId>,
}

impl Places {
    /// With nothing in flight.
    pub fn new(limits: &Limits) -> Self {
        Self {
            pictures: RotatingPool::new("pictures", limits.picture_requests_in_flight),
            open: RotatingPool::new("open", limits.open_requests_in_flight),
            authentication: Pool::new("authentication", limits.open_requests_in_flight),
            keyed: Pool::new("keyed", limits.requests_in_flight),
            addresses: Cap::new("requests", "address", limits.requests_per_address),
            accounts: Cap::new("requests", "account", limits.requests_per_account),
            keys: Cap::new("requests", "key", limits.requests_per_key),
            log_ins: Cap::new("log-ins", "account", LOG_INS_PER_ACCOUNT),
            account_feeds: Cap::new("feeds", "account", limits.feeds_per_account),
            key_feeds: Cap::new("feeds", "key", limits.feeds_per_key),
        }
    }
}

/// A limit on concurrent requests.
#[derive(Debug)]
pub struct Pool {
    name: &'static str,
    places: Arc<Semaphore>,
}

impl Pool {
    /// With this maximum; 0 = no limit.
    fn new(name: &'static str, most: usize) -> Self {
        let most = match most {
            0 => Semaphore::MAX_PERMITS,
            most => most.min(Semaphore::MAX_PERMITS),
        };
        Self {
            name,
            places: Arc::new(Semaphore::new(most)),
        }
    }

    /// Takes a place, to be held until the response is made.
    ///
    /// # Errors
    /// `Unavailable` when there is none.
    pub fn enter(&self) -> Result<Place, ApiError> {
        let permit = self.places.clone().try_acquire_owned();
        permit
            .map(|permit| self.place(permit))
            .map_err(|_| self.full())
    }

    /// As [`Pool::enter`], but waits for a place that will soon be free.
    ///
    /// # Errors
    /// `Unavailable` when none becomes free within a few seconds.
    pub async fn enter_soon(&self) -> Result<Place, ApiError> {
        let permit = self.places.clone().acquire_owned();
        match tokio::time::timeout(AUTHENTICATION_WAIT, permit).await {
            Ok(Ok(permit)) => Ok(self.place(permit)),
            _ => Err(self.full()),
        }
    }

    fn place(&self, permit: OwnedSemaphorePermit) -> Place {
        let gauge = metrics::gauge!(metric::REQUESTS_IN_FLIGHT, "pool" => self.name);
        gauge.increment(1);
        Place {
            gauge,
            _permit: permit,
        }
    }

    fn full(&self) -> ApiError {
        refused(self.name);
        ApiError::busy("too many requests are in flight")
    }
}

/// A limit on concurrent requests: when it is reached, a new request displaces the oldest one of
/// the client with the most requests.
#[derive(Debug)]
pub struct RotatingPool {
    name: &'static str,
    most: usize,
    held: Arc<Mutex<Held>>,
}

#[derive(Debug, Default)]
struct Held {
    next: u64,
    count: usize,
    /// Oldest first.
    of: HashMap<IpAddr, BTreeMap<u64, Arc<Notify>>>,
}

impl Held {
    fn insert(&mut self, client: IpAddr, displaced: Arc<Notify>) -> u64 {
        let id = self.next;
        self.next += 1;
        self.count += 1;
        self.of.entry(client).or_default().insert(id, displaced);
        id
    }

    fn remove(&mut self, client: IpAddr, id: u64) -> Option<Arc<Notify>> {
        let places = self.of.get_mut(&client)?;
        let removed = places.remove(&id)?;
        if places.is_empty() {
            self.of.remove(&client);
        }
        self.count -= 1;
        Some(removed)
    }

    /// The oldest place of the client with the most places; if several have the most, the oldest of
    /// theirs.
    fn next_to_go(&self) -> Option<(IpAddr, u64)> {
        self.of
            .iter()
            .filter_map(|(client, places)| {
                let (oldest, _) = places.first_key_value()?;
                Some((places.len(), Reverse(*oldest), *client))
            })
            .max()
            .map(|(_, Reverse(oldest), client)| (client, oldest))
    }
}

impl RotatingPool {
    /// With this maximum; 0 = no limit.
    fn new(name: &'static str, most: usize) -> Self {
        Self {
            name,
            most: if most == 0 { usize::MAX } else { most },
            held: Arc::default(),
        }
    }

    /// Takes a place for a client, displacing another request when none is free.
    pub fn enter(&self, client: IpAddr) -> RotatingPlace {
        let client = counted_as(client);
        let displaced = Arc::new(Notify::new());
        let mut held = lock(&self.held);
        if held.count >= self.most
            && let Some((client, oldest)) = held.next_to_go()
            && let Some(oldest) = held.remove(client, oldest)
        {
            refused(self.name);
            oldest.notify_one();
        }
        let id = held.insert(client, displaced.clone());
        drop(held);
        let gauge = metrics::gauge!(metric::REQUESTS_IN_FLIGHT, "pool" => self.name);
        gauge.increment(1);
        RotatingPlace {
            client,
            id,
            displaced,
            held: self.held.clone(),
            gauge,
        }
    }
}

/// One place of a pool, until a newer request displaces it.
pub struct RotatingPlace {
    client: IpAddr,
    id: u64,
    displaced: Arc<Notify>,
    held: Arc<Mutex<Held>>,
    gauge: metrics::Gauge,
}

impl RotatingPlace {
    /// Runs work in this place.
    ///
    /// # Errors
    /// `Unavailable` when a newer request displaces it before the work is done.
    pub async fn hold<T>(
        self,
        work: impl Future<Output = Result<T, ApiError>>,
    ) -> Result<T, ApiError> {
        tokio::select! {
            biased;
            done = work => done,
            () = self.displaced.notified() => {
                Err(ApiError::busy("too many requests are in flight"))
            }
        }
    }
}

impl Drop for RotatingPlace {
    fn drop(&mut self) {
        lock(&self.held).remove(self.client, self.id);
        self.gauge.decrement(1);
    }
}

fn lock(held: &Mutex<Held>) -> MutexGuard<'_, Held> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One place of a pool.
pub struct Place {
    gauge: metrics::Gauge,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.gauge.decrement(1);
    }
}

/// A concurrency cap for each key `K`, such as an account.
#[derive(Debug)]
pub struct Cap<K: Hash + Eq> {
    what: &'static str,
    of: &'static str,
    most: usize,
    taken: Arc<Mutex<HashMap<K, usize>>>,
}

impl<K: Hash + Eq + Clone> Cap<K> {
    fn new(what: &'static str, of: &'static str, most: usize) -> Self {
        Self {
            what,
            of,
            most: if most == 0 { usize::MAX } else { most },
            taken: Arc::default(),
        }
    }

    /// Takes one of a key's places.
    ///
    /// # Errors
    /// `RateLimited` when it has none left.
    pub fn enter(&self, key: &K) -> Result<Slot<K>, ApiError> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(key.clone()).or_insert(0);
        if *count >= self.most {
            refused(self.of);
            let Self { what, of, most, .. } = self;
            return Err(ApiError::new(
                Kind::RateLimited { retry_after: 1 },
                format!("one {of} may have at most {most} {what} at once"),
            ));
        }
        *count += 1;
        Ok(Slot {
            key: key.clone(),
            taken: self.taken.clone(),
        })
    }
}

/// One of a key's places.
#[derive(Debug)]
pub struct Slot<K: Hash + Eq> {
    key: K,
    taken: Arc<Mutex<HashMap<K, usize>>>,
}

impl<K: Hash + Eq> Drop for Slot<K> {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.key);
            }
        }
    }
}

fn refused(reason: &'static str) {
    metrics::counter!(metric::REQUESTS_REFUSED, "reason" => reason).increment(1);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_so_many_places_and_another_its_own() {
        let cap = Cap::new("requests", "address", 2);
        let (one, other): (IpAddr, IpAddr) = ([127, 0, 1, 1].into(), [127, 0, 1, 2].into());
        let first = cap.enter(&one).unwrap();
        let _second = cap.enter(&one).unwrap();
        let refused = cap.enter(&one).unwrap_err();
        assert_eq!(
            refused.message,
            "one address may have at most 2 requests at once"
        );
        assert!(cap.enter(&other).is_ok());
        drop(first);
        assert!(cap.enter(&one).is_ok());
        assert_eq!(
            cap.taken.lock().unwrap().len(),
            1,
            "empty counts are removed"
        );
    }

    fn client(last: u8) -> IpAddr {
        [127, 0, 1, last].into()
    }

    #[tokio::test]
    async fn a_client_with_few_requests_keeps_its_old_ones_in_a_rotating_pool() {
        let pool = RotatingPool::new("pictures", 3);
        let honest = pool.enter(client(1));
        let attackers: Vec<_> = (0..4).map(|_| pool.enter(client(2))).collect();
        let endless = || std::future::pending::<Result<(), ApiError>>();
        let mut outcomes = Vec::new();
        for place in attackers {
            let held = tokio::time::timeout(Duration::from_millis(10), place.hold(endless()));
            outcomes.push(held.await.is_ok());
        }
        assert_eq!(outcomes, [true, true, false, false], "the oldest two went");
        assert_eq!(honest.hold(async { Ok(1) }).await.unwrap(), 1);
        assert!(lock(&pool.held).of.is_empty());
        assert_eq!(lock(&pool.held).count, 0);
    }

    #[tokio::test]
    async fn the_oldest_gives_way_in_a_rotating_pool() {
        let pool = RotatingPool::new("open", 2);
        let endless = || std::future::pending::<Result<(), ApiError>>();
        let oldest = pool.enter(client(1));
        let second = pool.enter(client(2));
        let third = pool.enter(client(3));
        assert!(oldest.hold(endless()).await.is_err());
        assert_eq!(second.hold(async { Ok(2) }).await.unwrap(), 2);
        let fourth = pool.enter(client(4));
        assert_eq!(
            third.hold(async { Ok(3) }).await.unwrap(),
            3,
            "there was room"
        );
        drop(fourth);
        assert_eq!(lock(&pool.held).count, 0);
    }

    #[test]
    fn a_full_pool_refuses_and_zero_is_no_limit() {
        let pool = Pool::new("keyed", 1);
        let place = pool.enter().unwrap();
        assert!(pool.enter().is_err());
        drop(place);
        assert!(pool.enter().is_ok());
        let endless = Pool::new("keyed", 0);
        let places: Vec<_> = (0..10_000).map(|_| endless.enter().unwrap()).collect();
        assert_eq!(places.len(), 10_000);
    }
}
