//! The end of a log that grows entry by entry.

use crate::chain::{GENESIS, Hash, Position, link};
use crate::error::StoreError;
use crate::log_entry::ArchivedEvent;
use crate::stored_event::StoredEvent;

/// The current end of a log: where the next event goes, and which hash it is chained to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogTail {
    /// The last position; 0 before the first event.
    pub position: Position,
    /// The last hash.
    pub hash: Hash,
}

impl Default for LogTail {
    fn default() -> Self {
        Self {
            position: 0,
            hash: GENESIS,
        }
    }
}

impl LogTail {
    /// The end of the log once it also holds `event`.
    pub(crate) fn then(&self, event: &StoredEvent) -> Self {
        Self {
            position: self.position + 1,
            hash: link(&self.hash, event),
        }
    }

    /// Advances to `event`, if it is the next one.
    ///
    /// # Errors
    /// When its position or its hash does not follow from the previous entry.
    pub fn advance(&mut self, event: &ArchivedEvent) -> Result<(), StoreError> {
        let next = self.then(&event.stored());
        let position = next.position;
        if event.position != position {
            let found = event.position;
            return Err(StoreError::Corrupt(format!(
                "position {found} where {position} was due"
            )));
        }
        if event.hash != next.hash {
            return Err(StoreError::Corrupt(format!(
                "the hash chain breaks at position {position}"
            )));
        }
        *self = next;
        Ok(())
    }
}
