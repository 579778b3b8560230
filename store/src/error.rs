//! What can go wrong in the store, in the words of its callers.

use cqrs_es::persist::PersistenceError;
use photolog_domain::ImageId;
use photolog_domain::upcast::UpcastError;

use crate::event_store::IdempotencyRecord;
use crate::master_key::MasterKeyError;

/// Why the database did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Somebody else appended to the stream first.
    #[error("the stream has moved on")]
    Conflict,
    /// Another enabled image of the account holds the same bytes.
    #[error("image {holder} holds the same bytes")]
    DuplicateContent {
        /// The image that holds them.
        holder: ImageId,
    },
    /// The account has as many enabled images as it may.
    #[error("the account's image limit is reached")]
    ImageLimitReached,
    /// The idempotency key was used before; here is what it led to.
    #[error("the idempotency key was used before")]
    IdempotencyKeyUsed(IdempotencyRecord),
    /// The database is down, overloaded, or timed out: try again later.
    #[error("the database is unavailable")]
    Unavailable(#[source] sqlx::Error),
    /// The database was migrated by a newer program.
    #[error("the database is newer than this program: {0}")]
    NewerDatabase(String),
    /// The database takes no writes: a standby, or set so by its operator.
    #[error("the database is read-only")]
    ReadOnlyDatabase,
    /// Only an empty database takes in a log.
    #[error("the database holds events already")]
    NotEmpty,
    /// The master key is missing, or is not the one that wrapped the database's secrets.
    #[error(transparent)]
    MasterKey(#[from] MasterKeyError),
    /// A stored event cannot be read by this program.
    #[error(transparent)]
    Event(#[from] UpcastError),
    /// A stored row is not what it should be.
    #[error("stored data cannot be read: {0}")]
    Corrupt(String),
    /// Anything else the database said.
    #[error("the database refused")]
    Database(#[source] sqlx::Error),
}

/// SQLite primary result codes that pass: busy, locked, out of memory, read-only, I/O error, full,
/// cannot open.
const SQLITE_PASSING: [i64; 7] = [5, 6, 7, 8, 10, 13, 14];

/// SQLSTATE classes and codes that pass: connection lost, read-only (the primary has become a
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

/// The stock repositories box the database's own error; what it says decides, not the box.
impl From<PersistenceError> for StoreError {
    fn from(error: PersistenceError) -> Self {
        match error {
            PersistenceError::OptimisticLockError => Self::Conflict,
            PersistenceError::DeserializationError(error) => Self::Corrupt(error.to_string()),
            PersistenceError::ConnectionError(error) | PersistenceError::UnknownError(error) => {
                match error.downcast::<sqlx::Error>() {
                    Ok(error) => (*error).into(),
                    Err(error) => Self::Corrupt(error.to_string()),
                }
            }
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

/// Why the blob store did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// The disk failed, or is full.
    #[error("blob storage failed")]
    Io(#[from] std::io::Error),
    /// The bucket failed, also when asked several times.
    #[error("blob storage failed")]
    Bucket(#[from] object_store::Error),
    /// The bucket is not there, or does not let us read and write.
    #[error("{url} cannot be used")]
    Unusable {
        /// Which one.
        url: String,
        /// What it said.
        #[source]
        problem: object_store::Error,
    },
    /// The stored bytes do not have the digest they are named by.
    #[error("blob {0} is damaged")]
    Damaged(photolog_domain::Digest),
}
