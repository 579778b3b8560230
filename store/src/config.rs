//! Where the database is.

use std::path::PathBuf;

/// Which database to open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreConfig {
    /// The embedded default: one SQLite file, WAL, `synchronous=FULL`.
    Sqlite {
        /// The file; made when missing.
        path: PathBuf,
    },
    /// PostgreSQL 15 or newer.
    Postgres {
        /// `postgres://…`
        url: String,
        /// Most connections of this process.
        connections: u32,
    },
}
