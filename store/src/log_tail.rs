//! The end of a log that grows by one entry after the other.

use crate::chain::{GENESIS, Hash, Position, link};
use crate::error::StoreError;
use crate::log_entry::ArchivedEvent;

/// The end of a log on its way: where the next event goes, and what it is chained to.
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
    /// Moves on to `event`, if it is the one that follows.
    ///
    /// # Errors
    /// When its position or its hash does not follow from what came before.
    pub fn advance(&mut self, event: &ArchivedEvent) -> Result<(), StoreError> {
        let position = self.position + 1;
        if event.position != position {
            let found = event.position;
            return Err(StoreError::Corrupt(format!(
                "position {found} where {position} was due"
            )));
        }
        let hash = link(&self.hash, &event.stored());
        if event.hash != hash {
            return Err(StoreError::Corrupt(format!(
                "the hash chain breaks at position {position}"
            )));
        }
        *self = Self { position, hash };
        Ok(())
    }
}
