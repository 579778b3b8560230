//! Log entries as an account's clients see them.

use photolog_domain::AccountId;
use photolog_projector::CloudEvent;
use photolog_store::{LogEntry, Store, StoreError};

/// The number of log entries read at once; it is small because events may be large.
pub const BATCH: u32 = 100;

/// An account's image events as its clients see them, with the names of the keys that caused them.
pub async fn to_events(
    store: &Store,
    account: AccountId,
    entries: Vec<LogEntry>,
) -> Result<Vec<CloudEvent>, StoreError> {
    let events: Vec<_> = entries.into_iter().filter_map(CloudEvent::of).collect();
    let names = store.actor_names(account, events.iter().map(CloudEvent::actor));
    let names = names.await?;
    let named = events.into_iter().map(|event| {
        let name = names.get(event.actor());
        event.by(name)
    });
    Ok(named.collect())
}
