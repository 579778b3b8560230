//! When keys were last used, for the operator's list: recorded in the background, so that requests
//! never wait for it.

use std::time::Duration;

use moka::sync::Cache;
use photolog_domain::{AccountId, KeyId};
use photolog_store::Store;
use tokio::sync::mpsc::{Sender, channel};

use super::caller::Caller;

/// How often at most this process records the use of a key; the database ignores more frequent
/// uses.
const PERIOD: Duration = Duration::from_millis(photolog_store::KEY_USE_MILLIS.unsigned_abs());

/// Maximum number of keys whose recent uses are cached.
const MOST_KEYS: u64 = 10_000;

/// Maximum number of uses queued for the database; a use beyond that is recorded with a later
/// request.
const WAITING: usize = 256;

/// Records the uses of keys.
pub struct KeyUses {
    noted: Cache<KeyId, ()>,
    uses: Sender<(AccountId, KeyId)>,
}

impl KeyUses {
    /// Starts the task that writes uses to this database, one after the other.
    pub fn start(store: Store) -> Self {
        let (uses, mut waiting) = channel::<(AccountId, KeyId)>(WAITING);
        tokio::spawn(async move {
            while let Some((account, key_id)) = waiting.recv().await {
                if let Err(error) = store.note_key_use(account, &key_id).await {
                    tracing::debug!(%error, key = %key_id, "the use of a key was not noted");
                }
            }
        });
        Self {
            noted: Cache::builder()
                .max_capacity(MOST_KEYS)
                .time_to_live(PERIOD)
                .build(),
            uses,
        }
    }

    /// Records that a caller's key was used. Does not wait.
    pub fn note(&self, caller: &Caller) {
        if self.noted.contains_key(&caller.key_id) {
            return;
        }
        let noted = (caller.account, caller.key_id.clone());
        if self.uses.try_send(noted).is_ok() {
            self.noted.insert(caller.key_id.clone(), ());
        }
    }
}
