//! Entries of the log as an account's clients see them.

use photolog_domain::AccountId;
use photolog_projector::CloudEvent;
use photolog_store::{LogEntry, Store, StoreError};

/// Entries of the log read at once: their events may be large.
pub const BATCH: u32 = 100;

/// An account's entries as its clients see them: those of images, with the names of the keys that wrote.
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
