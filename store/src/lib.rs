//! Everything that knows SQL or a bucket, in three layers: data types, the two backends, the store.
//!
//! | file | what it holds |
//! | --- | --- |
//! | [`store`] | the store as the rest of the program uses it: open, load, append, read, maintain |
//! | `backend` | what a backend must do: the contract of `sqlite/` and `postgres/` |
//! | `sqlite/`, `postgres/` | the two backends |
//! | `sql`, `column` | statements that both understand; columns into domain types |
//! | [`config`] | where the database and the blobs are |
//! | [`error`] | what can go wrong, in the words of the callers |
//! | [`append`], [`stream`] | events on their way into a stream, and a stream as it is loaded |
//! | [`idempotency`] | requests that are sent again |
//! | [`constraints`] | which event changes which of the tables kept in the append's transaction |
//! | [`log_entry`], [`log_tail`] | an event at its place in the log, and the end of a log |
//! | [`chain`] | positions and the hash chain, as an outsider may check it |
//! | `stored_event`, `stored_text` | a row of the `events` table; texts into the types they stand for |
//! | [`read_model`], [`image_list`] | rows of the image view; which images a list shows |
//! | [`keys`], [`tokens`] | accounts and access keys; which tokens still count |
//! | [`secrets`], [`master_key`] | what nobody may read who has the database alone; the key that wraps it |
//! | [`snapshot`], [`derived`] | the database as `verify` sees it; what its derived rows ought to be |
//! | [`private`] | files that only their owner may read, and reading without detours |
//! | [`blob`] | bytes by digest, in a directory or a bucket |
//! | `fold_cache`, `progress` | folded streams in memory; who waits for what |
//! | `compute` | many rows off the async threads |
//!
//! Start with `Store::append` in `store/streams.rs`, then follow it into `sqlite/writer.rs`.

#![forbid(unsafe_code)]

pub mod append;
pub(crate) mod backend;
pub mod blob;
pub mod chain;
pub(crate) mod column;
pub(crate) mod compute;
pub mod config;
pub mod constraints;
pub mod derived;
pub mod error;
pub mod fact;
pub(crate) mod fold_cache;
pub mod idempotency;
pub mod image_list;
pub mod keys;
pub mod log_entry;
pub mod log_tail;
pub mod master_key;
pub(crate) mod postgres;
pub mod private;
pub(crate) mod progress;
pub mod read_model;
pub mod secrets;
pub mod snapshot;
pub(crate) mod sql;
pub(crate) mod sqlite;
pub mod store;
pub(crate) mod stored_event;
pub(crate) mod stored_text;
pub mod stream;
pub mod tokens;

pub use append::{Appended, Conditions};
pub use blob::{Blobs, Kept, Spool, StoredBlob};
pub use chain::Position;
pub use config::{BlobConfig, BlobUrl, StoreConfig};
pub use constraints::StoredAggregate;
pub use error::{BlobError, MasterKeyError, StoreError};
pub use fact::Fact;
pub use idempotency::{Idempotency, IdempotencyRecord};
pub use image_list::{ImageFilter, ImageList, ImagePage, ListStart, SortOrder};
pub use keys::{AccountRecord, ActorNames, KEY_USE_MILLIS, KeyRecord};
pub use log_entry::{ArchivedEvent, LogEntry};
pub use log_tail::LogTail;
pub use master_key::MasterKeyFile;
pub use read_model::{Bookmark, ImageRow, PublicImage, Swapped};
pub use secrets::{TokenSecret, WrappedSecrets};
pub use snapshot::{Columns, GuardFault, KeptSecret, LoggedEvent, Misplaced, Misplacement, Table};
pub use store::{CollectionLock, Import, Leadership, RebuiltView, Snapshot, Store};
pub use stream::{Loaded, Recorded};
pub use tokens::{NewTokenFamily, Refreshed, TokenFamily};
