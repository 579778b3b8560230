//! Folded streams kept in memory, so that a command on a stream of 5,000 events is nearly as fast as
//! on a stream of 5.
//!
//! An entry is never trusted alone: it is the fold up to sequence n, and a caller that takes it
//! either reads the events after n and folds them on top, or appends with n as the sequence that the
//! stream must have. So a stale entry does no harm, whatever another process wrote in between, and
//! an entry may be evicted at any time. It holds the result of `apply` and is never stored, so a new
//! shape of the state needs no migration either.
//!
//! (cqrs-es has snapshots for this. Version 0.5.0 applies the events of a commit twice before it
//! serialises the snapshot, so they are not used.)

use std::any::Any;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use photolog_domain::Timestamp;
use uuid::Uuid;

use crate::constraints::StoredAggregate;
use crate::stream::Loaded;

/// Limits of one generation, in streams and in bytes; there are two generations. An image's state is
/// usually below 1 KB, but may reach about 100 KB (128 keys of 255 and 512 characters): a tenant with
/// many such images must not fill the memory.
const GENERATION: usize = 1_000;
const GENERATION_BYTES: usize = 16 << 20;

type Key = (&'static str, Uuid);

#[derive(Clone, Debug)]
struct CachedFold {
    aggregate: Arc<dyn Any + Send + Sync>,
    sequence: u64,
    last_at: Option<Timestamp>,
    bytes: usize,
}

/// Two generations: an entry that is used moves to the young one; when that is full it becomes the
/// old one, and the former old one is dropped. Cheaper than an LRU list, and as good.
#[derive(Debug, Default)]
struct Generations {
    young: HashMap<Key, CachedFold>,
    young_bytes: usize,
    old: HashMap<Key, CachedFold>,
}

/// Folded streams, bounded in number and size.
#[derive(Debug, Default)]
pub(crate) struct FoldCache(Mutex<Generations>);

impl FoldCache {
    /// The latest cached fold of a stream, or the empty one.
    pub(crate) fn get<A: StoredAggregate>(&self, stream: Uuid) -> Loaded<A> {
        let known = self.entry::<A>(stream).map(|(aggregate, entry)| Loaded {
            aggregate: A::clone(&aggregate),
            sequence: entry.sequence,
            last_at: entry.last_at,
        });
        known.unwrap_or_default()
    }

    /// As [`Self::get`], without a copy; only if the fold reaches at least `sequence`.
    pub(crate) fn shared<A: StoredAggregate>(&self, stream: Uuid, sequence: u64) -> Option<Arc<A>> {
        let (aggregate, entry) = self.entry::<A>(stream)?;
        (entry.sequence >= sequence).then_some(aggregate)
    }

    fn entry<A: StoredAggregate>(&self, stream: Uuid) -> Option<(Arc<A>, CachedFold)> {
        let key = (A::TYPE, stream);
        let mut generations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = generations.young.get(&key).cloned();
        let entry = found.or_else(|| {
            let entry = generations.old.remove(&key)?;
            generations.insert(key, entry.clone());
            Some(entry)
        })?;
        Some((entry.aggregate.clone().downcast().ok()?, entry))
    }

    /// Caches a fold.
    pub(crate) fn put<A: StoredAggregate>(&self, stream: Uuid, loaded: &Loaded<A>) {
        let entry = CachedFold {
            aggregate: Arc::new(loaded.aggregate.clone()),
            sequence: loaded.sequence,
            last_at: loaded.last_at,
            bytes: loaded.aggregate.size_bytes(),
        };
        let mut generations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        generations.insert((A::TYPE, stream), entry);
    }
}

impl Generations {
    /// Two readers may put the same stream; the fold with more events wins.
    fn insert(&mut self, key: Key, entry: CachedFold) {
        if let Some(known) = self.young.get(&key) {
            if known.sequence > entry.sequence {
                return;
            }
            self.young_bytes -= known.bytes;
            self.young.remove(&key);
        }
        if self.young.len() >= GENERATION || self.young_bytes + entry.bytes > GENERATION_BYTES {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
        self.young_bytes += entry.bytes;
        self.young.insert(key, entry);
    }
}

#[cfg(test)]
mod tests {
    use photolog_domain::Image;

    use super::*;

    fn loaded(sequence: u64) -> Loaded<Image> {
        Loaded {
            aggregate: Image::default(),
            sequence,
            last_at: None,
        }
    }

    #[test]
    fn what_is_used_stays_and_the_rest_is_forgotten() {
        let cache = FoldCache::default();
        let used = Uuid::from_u128(0);
        cache.put(used, &loaded(7));
        for number in 1..=(5 * GENERATION as u128) {
            cache.put(Uuid::from_u128(number), &loaded(1));
            assert_eq!(cache.get::<Image>(used).sequence, 7);
        }
        assert_eq!(cache.get::<Image>(Uuid::from_u128(1)).sequence, 0);
        let generations = cache.0.lock().unwrap();
        assert!(generations.young.len() + generations.old.len() <= 2 * GENERATION);
    }

    #[test]
    fn large_states_make_a_generation_short() {
        let mut generations = Generations::default();
        let entry = || CachedFold {
            aggregate: Arc::new(()),
            sequence: 1,
            last_at: None,
            bytes: GENERATION_BYTES / 4,
        };
        for number in 0..100 {
            generations.insert(("test", Uuid::from_u128(number)), entry());
            generations.insert(("test", Uuid::from_u128(number)), entry());
            assert!(generations.young.len() <= 4 && generations.old.len() <= 4);
        }
    }

    #[test]
    fn an_older_fold_does_not_replace_a_newer_one() {
        let cache = FoldCache::default();
        cache.put(Uuid::nil(), &loaded(7));
        cache.put(Uuid::nil(), &loaded(5));
        assert_eq!(cache.get::<Image>(Uuid::nil()).sequence, 7);
    }
}
