//! Memory for request bodies: one budget, with a cap for each holder.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use photolog_domain::AccountId;
use photolog_telemetry::metric;

use crate::http::client_address::counted_as;

/// The holder of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Holder {
    /// A tenant.
    Account(AccountId),
    /// A client without credentials, by its address or network: see [`Holder::client`].
    Address(IpAddr),
}

impl Holder {
    /// A client without credentials.
    pub fn client(address: IpAddr) -> Self {
        Self::Address(counted_as(address))
    }
}

/// A budget in bytes.
#[derive(Debug)]
pub struct Memory {
    most: u64,
    most_of_one: u64,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    all: u64,
    of: HashMap<Holder, u64>,
}

impl Memory {
    /// A budget of this number of bytes, of which one holder may have a quarter.
    pub fn new(most: u64) -> Arc<Self> {
        Arc::new(Self {
            most,
            most_of_one: most / 4,
            held: Mutex::default(),
        })
    }

    /// An empty share for a holder.
    pub fn share(self: &Arc<Self>, holder: Holder) -> Share {
        Share {
            memory: self.clone(),
            holder,
            bytes: 0,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The memory of one body, given back on drop.
#[derive(Debug)]
pub struct Share {
    memory: Arc<Memory>,
    holder: Holder,
    bytes: u64,
}

impl Share {
    /// Takes more memory; returns whether there was enough.
    #[must_use]
    pub fn grow(&mut self, bytes: u64) -> bool {
        let mut held = self.memory.lock();
        let own = held.of.get(&self.holder).copied().unwrap_or(0);
        if held.all + bytes > self.memory.most || own + bytes > self.memory.most_of_one {
            return false;
        }
        held.all += bytes;
        held.of.insert(self.holder, own + bytes);
        drop(held);
        self.bytes += bytes;
        gauge().increment(bytes as f64);
        true
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if self.bytes == 0 {
            return;
        }
        let mut held = self.memory.lock();
        held.all -= self.bytes;
        if let Some(own) = held.of.get_mut(&self.holder) {
            *own -= self.bytes;
            if *own == 0 {
                held.of.remove(&self.holder);
            }
        }
        drop(held);
        gauge().decrement(self.bytes as f64);
    }
}

fn gauge() -> metrics::Gauge {
    metrics::gauge!(metric::MEMORY_RESERVED_BYTES, "use" => "bodies")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_holder_has_a_quarter_and_all_have_the_whole() {
        let memory = Memory::new(400);
        let share = |last| memory.share(Holder::Address([127, 0, 1, last].into()));
        let mut shares: Vec<_> = (0..4).map(share).collect();
        for share in &mut shares {
            assert!(share.grow(60));
            assert!(!share.grow(41), "more than a quarter");
            assert!(share.grow(40));
        }
        assert!(!share(4).grow(1), "more than there is");
        shares.pop();
        assert!(share(4).grow(100));
        drop(shares);
        assert_eq!(memory.lock().all, 0);
        assert!(memory.lock().of.is_empty());
    }
}
