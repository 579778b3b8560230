//! Locks for one kind of work, by files beside the database.

use std::fs::File;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::Sqlite;
use crate::{StoreError, private};

impl Sqlite {
    /// A file that stays locked until it is closed; `None` while another process holds it.
    pub(crate) fn lock(&self, work: &str) -> Result<Option<File>, StoreError> {
        let lock = private::open_or_create(&self.path.with_extension(work));
        let lock = lock.map_err(sqlx::Error::Io)?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(sqlx::Error::Io(error.into()).into()),
            Ok(()) => Ok(Some(lock)),
        }
    }
}
