//! The contract of a backend: `sqlite/` and `postgres/` implement these traits, one file per trait,
//! and [`Store`](crate::Store) calls the backend that is open.
//!
//! An operation that changes something is one transaction, durable when it returns. A read sees
//! everything committed before it began. `StoreError::Unavailable` means that the database may
//! answer later; the outcome of a change is then unknown.

use std::collections::BTreeMap;

use cqrs_es::persist::SerializedEvent;
use photolog_domain::{AccountId, ContentHash, ImageId, KeyId, PublicId, Timestamp};
use uuid::Uuid;

use crate::append::Append;
use crate::chain::Position;
use crate::constraints::Change;
use crate::error::StoreError;
use crate::idempotency::IdempotencyRecord;
use crate::image_list::{ImageFilter, ImageList, ImagePage};
use crate::keys::{AccountRecord, KeyRecord};
use crate::log_entry::{ArchivedEvent, LogRow};
use crate::master_key::Check;
use crate::read_model::{Bookmark, CheckpointMove, ImageRow, Swapped};
use crate::secrets::{TokenSecret, WrappedSecret, WrappedSecrets};
use crate::snapshot::{GuardFault, Misplaced, Table};
use crate::stored_event::StoredEvent;
use crate::tokens::{NewTokenFamily, Refreshed, TokenFamily};

/// Writing events.
pub(crate) trait Appends {
    /// Inserts the events, updates the constraint tables and stores the idempotency key, all or
    /// nothing. Returns `Conflict` when the stream has moved on, and an error for each condition that
    /// does not hold.
    async fn append(&self, append: Append) -> Result<(), StoreError>;
}

/// Reading streams and the log.
pub(crate) trait EventTables {
    /// At most `limit` events of a stream after a sequence, in order.
    async fn events_after(
        &self,
        aggregate_type: &'static str,
        stream: &str,
        sequence: usize,
        limit: i64,
    ) -> Result<Vec<SerializedEvent>, StoreError>;

    /// Maps a stream's events and their log positions through `read`, in order.
    async fn stream_rows<T: Send + 'static>(
        &self,
        aggregate_type: &str,
        stream: &str,
        after: i64,
        limit: i64,
        read: impl FnMut(StoredEvent, Option<Position>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<Vec<T>, StoreError>;

    /// Maps at most `limit` log entries after a position through `read`, in order: those of one
    /// account, or all.
    async fn log_rows<T: Send + 'static>(
        &self,
        of: Option<AccountId>,
        after: Position,
        limit: u32,
        read: impl FnMut(LogRow) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<Vec<T>, StoreError>;

    /// The newest position; 0 when the log is empty.
    async fn log_head(&self) -> Result<Position, StoreError>;
}

/// The image view, and the progress of the log's followers.
pub(crate) trait ImageTables {
    /// A page of an account's images, at most `ImagePage::MOST_BYTES` in size.
    async fn list_images(&self, list: &ImageList) -> Result<ImagePage, StoreError>;

    /// How many images an account has.
    async fn count_listed(&self, account: AccountId, which: ImageFilter)
    -> Result<u64, StoreError>;

    /// The row behind a public link, unless its account is closed.
    async fn image_row_by_public_id(
        &self,
        public_id: &PublicId,
    ) -> Result<Option<ImageRow>, StoreError>;

    /// Whether an image of an account that is not closed has this master and no newer events.
    async fn is_master(&self, digest: &ContentHash) -> Result<bool, StoreError>;

    /// The sequence up to which the view shows an image; 0 when the image is not in it.
    async fn visible_sequence(&self, image: ImageId) -> Result<u64, StoreError>;

    /// How far a projection has come; 0 when it never ran, or ran with another version.
    async fn checkpoint(&self, projection: &str, version: u32) -> Result<Position, StoreError>;

    /// Moves a checkpoint; `false` when it is not where the step begins or this process does not
    /// lead.
    async fn move_checkpoint(&self, step: &CheckpointMove<'_>) -> Result<bool, StoreError>;

    /// Removes a projection's checkpoint.
    async fn forget_checkpoint(&self, projection: &str) -> Result<(), StoreError>;

    /// Where a follower of the log stopped; at the beginning when it has never run.
    async fn bookmark(&self, follower: &str) -> Result<Bookmark, StoreError>;

    /// Stores where a follower stopped; `NotLeading` when this process is not the leader.
    async fn set_bookmark(&self, follower: &str, at: Bookmark) -> Result<(), StoreError>;

    /// The rows of these images, in no particular order; missing images are left out.
    async fn image_rows(&self, images: &[ImageId]) -> Result<Vec<ImageRow>, StoreError>;

    /// Writes rows and moves the checkpoint. Returns `false`, and writes nothing, when the checkpoint
    /// is not where the step begins or this process is not the leader. The first step of another
    /// version empties the table first.
    async fn save_image_rows(
        &self,
        step: &CheckpointMove<'_>,
        rows: &[ImageRow],
    ) -> Result<bool, StoreError>;
}

/// Accounts, access keys, claims and idempotency keys: written by the append, read here.
pub(crate) trait KeyTables {
    /// The key, unless it is unknown, revoked or expired.
    async fn key(&self, key_id: &KeyId) -> Result<Option<KeyRecord>, StoreError>;

    /// The enabled image of an account that holds these bytes.
    async fn content_holder(
        &self,
        account: AccountId,
        digest: &ContentHash,
    ) -> Result<Option<ImageId>, StoreError>;

    /// Every account, oldest first.
    async fn accounts(&self) -> Result<Vec<AccountRecord>, StoreError>;

    /// Records that a key is used now, unless a use was recorded less than `KEY_USE_MILLIS` ago.
    async fn note_key_use(&self, account: AccountId, key_id: &KeyId) -> Result<(), StoreError>;

    /// When the keys of an account were last used; keys that were never used are left out.
    async fn key_uses(&self, account: AccountId) -> Result<BTreeMap<KeyId, Timestamp>, StoreError>;

    /// The result of an idempotency key that was used within its lifetime.
    async fn idempotency_record(
        &self,
        account: AccountId,
        key: &str,
    ) -> Result<Option<IdempotencyRecord>, StoreError>;
}

/// Token families.
pub(crate) trait TokenTables {
    /// Begins a family and makes room for it; `None` when the key is not valid.
    async fn begin_token_family(
        &self,
        new: &NewTokenFamily,
    ) -> Result<Option<TokenFamily>, StoreError>;

    /// The family of a valid key, whether or not the family has expired.
    async fn token_family(&self, family: Uuid) -> Result<Option<TokenFamily>, StoreError>;

    /// Performs the step that [`TokenFamily::step`] returns, once however many requests are concurrent.
    async fn refresh_token_family(
        &self,
        family: Uuid,
        key_id: &KeyId,
        number: i64,
    ) -> Result<Refreshed, StoreError>;

    /// Ends a family of this key, if it exists.
    async fn end_token_family(&self, family: Uuid, key_id: &KeyId) -> Result<(), StoreError>;
}

/// Secrets, all wrapped by the master key.
pub(crate) trait SecretTables {
    /// Stores the secret that signs tokens. An existing one is replaced only when `rotates`; then
    /// every token family ends too.
    async fn put_token_secret(
        &self,
        fresh: [u8; 32],
        rotates: bool,
    ) -> Result<TokenSecret, StoreError>;

    /// Adds the next master key to the file.
    async fn prepare_master_key(&self) -> Result<(), StoreError>;

    /// Rewraps every secret under the next master key; returns how many there are.
    async fn rotate_master_key(&self) -> Result<usize, StoreError>;

    /// Removes every master key from the file except the one in use.
    async fn forget_old_master_key(&self) -> Result<(), StoreError>;

    /// All secrets.
    async fn wrapped_secrets(&self) -> Result<WrappedSecrets, StoreError>;
}

/// An import of a log into an empty database: one transaction, rolled back when dropped.
pub(crate) trait ImportTransaction {
    /// Inserts entries at their positions.
    async fn insert(&mut self, entries: &[ArchivedEvent]) -> Result<(), StoreError>;

    /// Builds the constraint tables, stores the secret, and commits; the log ends at `head`.
    async fn commit(
        self,
        changes: Vec<Change>,
        token_secret: Option<TokenSecret>,
        head: Position,
    ) -> Result<(), StoreError>;
}

/// A table beside the image view, built by only one process at a time.
pub(crate) trait RebuiltTable {
    /// Writes rows to the table; they are not visible yet.
    async fn save(&mut self, rows: &[ImageRow]) -> Result<(), StoreError>;

    /// The number of its rows.
    async fn count(&mut self) -> Result<u64, StoreError>;

    /// Replaces the view with the table as of a position, unless the view is further along.
    async fn swap(
        &mut self,
        projection: &str,
        version: u32,
        position: Position,
    ) -> Result<Swapped, StoreError>;
}

/// A snapshot of the database, read through a connection that cannot write.
pub(crate) trait SnapshotTransaction {
    /// The check value of the master key that wrapped the secrets.
    async fn master_key_check(&mut self) -> Result<Check, StoreError>;

    /// All secrets.
    async fn wrapped_secrets(&mut self) -> Result<Vec<WrappedSecret>, StoreError>;

    /// At most `limit` log entries after a position, in order, without those whose event is missing.
    async fn log(&mut self, after: Position, limit: u32) -> Result<Vec<LogRow>, StoreError>;

    /// Events that wait for their position in the log, in order of arrival.
    async fn waiting(&mut self) -> Result<Vec<StoredEvent>, StoreError>;

    /// Events and log entries that do not match, at most a thousand.
    async fn misplaced(&mut self) -> Result<Vec<Misplaced>, StoreError>;

    /// Passes every row of a table as JSON, in no particular order.
    async fn each_row(
        &mut self,
        table: Table,
        read: &mut dyn FnMut(&str) -> Result<(), StoreError>,
    ) -> Result<(), StoreError>;

    /// Triggers, keys and rights that differ from what the migrations created.
    async fn guard_faults(&mut self) -> Result<Vec<GuardFault>, StoreError>;

    /// Ends the transaction; `false` when the reads may have seen half of a change.
    async fn close(self) -> bool;
}
