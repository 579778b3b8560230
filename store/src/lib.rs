//! All code that uses SQL or a bucket, in three layers: data types, the two backends, the store.
//!
//! | file | what it holds |
//! | --- | --- |
//! | [`store`] | the store's public operations: open, load, append, read, maintain |
//! | `backend` | the contract that `sqlite/` and `postgres/` implement |
//! | `sqlite/`, `postgres/` | the two backends |
//! | `sql`, `column` | statements that both backends share; columns into domain types |
//! | [`config`] | the locations of the database and the blobs |
//! | [`error`] | errors, in the callers' terms |
//! | [`append`], [`stream`] | events to append, and a stream as it is loaded |
//! | [`idempotency`] | repeated requests |
//! | [`constraints`] | which event changes which of the tables kept in the append's transaction |
//! | [`log_entry`], [`log_tail`] | an event at its position in the log, and the end of a log |
//! | [`chain`] | positions and the hash chain, which a third party can verify |
//! | `stored_event`, `stored_text` | a row of the `events` table; stored texts into their types |
//! | [`read_model`], [`image_list`] | rows of the image view; which images a list shows |
//! | [`keys`], [`tokens`] | accounts and access keys; which tokens are still valid |
//! | [`secrets`], [`master_key`] | secrets that the database stores wrapped; the key that wraps them |
//! | [`snapshot`], [`derived`] | the database as `verify` sees it; the expected derived rows |
//! | [`private`] | files that only their owner may read, and reading that follows no symlinks |
//! | [`blob`] | bytes by digest, in a directory or a bucket |
//! | `fold_cache`, `progress` | folded streams in memory; waits for the log and the view |
//! | `compute` | converts many rows off the async threads |
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
