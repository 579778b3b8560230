//! Errors of the store, in its callers' terms.

use cqrs_es::persist::PersistenceError;
use photolog_domain::event::UnreadableEvent;
use photolog_domain::{ImageError, ImageId};
use std::io;
use std::path::PathBuf;

use crate::idempotency::IdempotencyRecord;

/// Why a database operation failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another writer appended to the stream first.
    #[error("another write to this stream came first")]
    Conflict,
    /// Another enabled image of the account holds the same bytes.
    #[error("image {holder} holds the same bytes")]
    DuplicateContent {
        /// The image that holds them.
        holder: ImageId,
    },
    /// The account has reached its limit of enabled images.
    #[error("the account's image limit is reached")]
    ImageLimitReached,
    /// The idempotency key was used before; here is its result.
    #[error("the idempotency key was used before")]
    IdempotencyKeyUsed(IdempotencyRecord),
    /// The database is down, overloaded, or timed out: try again later.
    #[error("the database is unavailable")]
    Unavailable(#[source] sqlx::Error),
    /// A process that has lost the lead tried to write what only the leader may write.
    #[error("another process leads now")]
    NotLeading,
    /// Another process is already building the table.
    #[error("another `photolog rebuild` is running on this database")]
    Rebuilding,
    /// Another process is collecting garbage.
    #[error("`photolog gc` is already running")]
    Collecting,
    /// The database was migrated by a newer program.
    #[error("the database is newer than this program: {0}")]
    NewerDatabase(String),
    /// This program has not migrated the database yet, and must not do so now.
    #[error(
        "the database is older than this program: {0}; start the service or run `photolog migrate`"
    )]
    OlderDatabase(String),
    /// There is no database, or it has none of our tables.
    #[error("no installation in {0}")]
    NoInstallation(String),
    /// The database rejects writes: it is a standby, or its operator made it read-only.
    #[error("the database is read-only")]
    ReadOnlyDatabase,
    /// SQLite's file is no longer where it was opened.
    #[error(
        "the database file was removed or replaced while the service runs: stop it, put the file back \
         or restore a backup"
    )]
    FileGone,
    /// The role lacks a privilege.
    #[error(
        "the database role may not {0}: run `SELECT grant_photolog_to('its name')` as the owner"
    )]
    NoRight(&'static str),
    /// A log can be imported only into an empty database.
    #[error("the database already holds events")]
    NotEmpty,
    /// The master key is missing, or is not the one that wrapped the database's secrets.
    #[error(transparent)]
    MasterKey(#[from] MasterKeyError),
    /// The payload of a stored event is damaged.
    #[error(transparent)]
    Event(#[from] UnreadableEvent),
    /// The image has events known only to a newer program.
    #[error("{}", ImageError::WrittenByNewerVersion)]
    WrittenByNewerVersion,
    /// A stored row is invalid.
    #[error("stored data cannot be read: {0}")]
    Corrupt(String),
    /// Any other database error.
    #[error("the database returned an error")]
    Database(#[source] sqlx::Error),
}

/// Why a master key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyError {
    /// It existed before, or the settings require it.
    #[error(
        "the master key {} is missing: put the file back, because no other key opens the secrets in \
         the database, or make it with `photolog master-key create` for a new installation", .0.display()
    )]
    Missing(PathBuf),
    /// The file does not contain a key.
    #[error(
        "{} is not a master key: it must hold 64 hexadecimal digits, as `openssl rand -hex 32` \
         prints them", .0.display()
    )]
    Malformed(PathBuf),
    /// It is a different key.
    #[error(
        "{} is not the master key of this installation: another key wrapped the secrets in its \
         database", .0.display()
    )]
    Another(PathBuf),
    /// There is no next key to rotate to.
    #[error(
        "{} holds no next master key: run `photolog master-key prepare`, and give the file to every \
         node", .0.display()
    )]
    NotPrepared(PathBuf),
    /// The file cannot be read or written.
    #[error("the master key {} cannot be used", .0.display())]
    File(PathBuf, #[source] io::Error),
    /// A secret was modified, or wrapped under another name.
    #[error(
        "the secret {0:?} cannot be opened with the master key: run `photolog key \
         rotate-token-secret` if it is `token_secret`, and else revoke the key that it names"
    )]
    Unopened(String),
    /// The operating system provides no randomness.
    #[error("the operating system provides no random numbers")]
    Randomness(#[from] getrandom::Error),
}

impl StoreError {
    pub(crate) fn newer_database(done: usize, known: usize) -> Self {
        Self::NewerDatabase(migrations(done, known))
    }

    pub(crate) fn older_database(done: usize, known: usize) -> Self {
        Self::OlderDatabase(migrations(done, known))
    }
}

fn migrations(done: usize, known: usize) -> String {
    format!("it has migration {done}, this program knows {known}")
}

/// Transient SQLite primary result codes: busy, locked, out of memory, read-only, I/O error, full,
/// cannot open.
const SQLITE_PASSING: [i64; 7] = [5, 6, 7, 8, 10, 13, 14];

/// Transient SQLSTATE classes and codes: connection lost, read-only (the primary has become a
/// standby), out of resources, shutdown and timeouts, serialisation failure, deadlock, lock not
/// available.
const POSTGRES_PASSING: [&str; 7] = ["08", "25006", "53", "57", "40001", "40P01", "55P03"];

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        use sqlx::Error as Sqlx;
        let passes = match &error {
            Sqlx::PoolTimedOut
            | Sqlx::PoolClosed
            | Sqlx::WorkerCrashed
            | Sqlx::Io(_)
            | Sqlx::Tls(_) => true,
            Sqlx::Database(database) => match sqlite_code(database.as_ref()) {
                Some(code) => SQLITE_PASSING.contains(&(code & 0xff)),
                None => database.code().is_some_and(|code| {
                    POSTGRES_PASSING
                        .iter()
                        .any(|passing| code.starts_with(passing))
                }),
            },
            _ => false,
        };
        if passes {
            Self::Unavailable(error)
        } else {
            Self::Database(error)
        }
    }
}

/// The extended result code, when the error is SQLite's.
pub(crate) fn sqlite_code(error: &(dyn sqlx::error::DatabaseError + 'static)) -> Option<i64> {
    error.try_downcast_ref::<sqlx::sqlite::SqliteError>()?;
    error.code()?.parse().ok()
}

/// The stock repositories box the database's error, and ours box [`StoreError`]; the boxed error
/// decides.
impl From<PersistenceError> for StoreError {
    fn from(error: PersistenceError) -> Self {
        let error = match error {
            PersistenceError::OptimisticLockError => return Self::Conflict,
            PersistenceError::DeserializationError(error)
            | PersistenceError::ConnectionError(error)
            | PersistenceError::UnknownError(error) => error,
        };
        let error = match error.downcast::<Self>() {
            Ok(error) => return *error,
            Err(error) => error,
        };
        match error.downcast::<sqlx::Error>() {
            Ok(error) => (*error).into(),
            Err(error) => Self::Corrupt(error.to_string()),
        }
    }
}

impl From<StoreError> for PersistenceError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict => Self::OptimisticLockError,
            StoreError::Unavailable(_) => Self::ConnectionError(Box::new(error)),
            StoreError::Event(_) | StoreError::Corrupt(_) => {
                Self::DeserializationError(Box::new(error))
            }
            other => Self::UnknownError(Box::new(other)),
        }
    }
}

impl From<rustix::io::Errno> for BlobError {
    fn from(error: rustix::io::Errno) -> Self {
        Self::Io(error.into())
    }
}

/// Why a blob operation failed.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// The disk failed, or is full.
    #[error("blob storage failed")]
    Io(#[from] std::io::Error),
    /// The bucket failed, even after retries.
    #[error("blob storage failed")]
    Bucket(#[from] object_store::Error),
    /// The bucket does not exist, or denies read or write access.
    #[error("{url} cannot be used")]
    Unusable {
        /// The bucket's URL.
        url: String,
        /// The underlying error.
        #[source]
        problem: object_store::Error,
    },
    /// The stored bytes do not match the digest that names them.
    #[error("blob {0} is damaged")]
    Damaged(photolog_domain::ContentHash),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_the_same_after_cqrs_es_has_carried_it() {
        for error in [
            StoreError::Conflict,
            StoreError::Unavailable(sqlx::Error::PoolTimedOut),
            StoreError::ImageLimitReached,
            StoreError::NotLeading,
            StoreError::Corrupt("a row".to_owned()),
        ] {
            let before = error.to_string();
            let carried = StoreError::from(PersistenceError::from(error));
            assert_eq!(carried.to_string(), before);
        }
        let boxed = PersistenceError::ConnectionError(Box::new(sqlx::Error::PoolTimedOut));
        assert!(matches!(boxed.into(), StoreError::Unavailable(_)));
    }
}
