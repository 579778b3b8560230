//! What `photolog verify` sees of the database.

use crate::error::StoreError;
use crate::log_entry::ArchivedEvent;
use crate::secrets::{TOKEN_SECRET, key_of};
use photolog_domain::{KeyId, KeyVerifiers};
use serde_json::Value;
use std::collections::BTreeMap;

/// A row by its columns, in the same form for both databases: generated columns are left out, 0 and 1
/// become false and true, and the members of an image's state are columns of their own.
pub type Columns = BTreeMap<String, Value>;

/// A table derived from the log, or one that tracks its followers and requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// One row for each image, as of the projection's checkpoint.
    ImageView,
    /// One row for each account.
    Accounts,
    /// One row for each key that works.
    Keys,
    /// One row for each enabled image.
    Claims,
    /// The number of claims per account.
    ImageCounts,
    /// The results of idempotent requests.
    IdempotencyKeys,
    /// Log-ins that have not ended.
    TokenFamilies,
    /// The progress of the log's followers.
    Checkpoints,
    /// When keys were last used.
    KeyUses,
}

/// An entry of the log with the account in its row.
#[derive(Clone, Debug)]
pub struct LoggedEvent {
    /// The event at its position.
    pub event: ArchivedEvent,
    /// The log's own column.
    pub account: String,
}

/// An event and a log entry that do not match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misplaced {
    /// What is wrong.
    pub how: Misplacement,
    /// `Image` or `Account`.
    pub aggregate_type: String,
    /// The stream.
    pub aggregate_id: String,
    /// Its number in the stream.
    pub sequence: i64,
}

/// How an event and its log entry may fail to match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misplacement {
    /// The event has no position in the log and is not queued for one.
    NoPlace,
    /// The log has an entry whose event is missing.
    NoEvent,
    /// A queued event is missing.
    WaitsWithoutEvent,
    /// The event is queued although it has a position.
    WaitsAgain,
}

/// A secret as stored in the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptSecret {
    /// Its name.
    pub name: String,
    /// Its version, counted from the first.
    pub version: i64,
    /// Whether the master key opens it.
    pub opens: bool,
    /// The verifiers in it, if it belongs to a key.
    pub verifiers: Option<(KeyId, KeyVerifiers)>,
}

/// A guard of the tables that differs from what the migrations created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuardFault {
    /// The guard, such as `trigger events_are_never_changed`.
    pub subject: String,
    /// Its expected definition; `None` when it should not exist.
    pub expected: Option<String>,
    /// Its actual definition; `None` when it is missing.
    pub found: Option<String>,
}

impl KeptSecret {
    /// The key whose verifiers it should hold, according to its name.
    pub fn key_id(&self) -> Option<KeyId> {
        key_of(&self.name)
    }

    /// Whether it is the secret that signs tokens.
    pub fn signs_tokens(&self) -> bool {
        self.name == TOKEN_SECRET
    }
}

impl Table {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::ImageView => "image_view",
            Self::Accounts => "accounts",
            Self::Keys => "keys",
            Self::Claims => "claims",
            Self::ImageCounts => "image_counts",
            Self::IdempotencyKeys => "idempotency_keys",
            Self::TokenFamilies => "token_families",
            Self::Checkpoints => "checkpoints",
            Self::KeyUses => "key_uses",
        }
    }
}

/// Parses a row that was read as JSON.
pub(crate) fn columns(text: &str) -> Result<Columns, StoreError> {
    let row: Columns = serde_json::from_str(text)
        .map_err(|error| StoreError::Corrupt(format!("a row is not JSON: {error}")))?;
    let mut columns = Columns::new();
    for (name, value) in row {
        match value {
            Value::Bool(value) => _ = columns.insert(name, u8::from(value).into()),
            Value::String(text) if name == "state" => flatten(&mut columns, &text),
            value => _ = columns.insert(name, value),
        }
    }
    Ok(columns)
}

/// Turns the members of an image's state into columns; an invalid state stays as it is.
pub(crate) fn flatten(columns: &mut Columns, state: &str) {
    match serde_json::from_str::<Columns>(state) {
        Ok(members) => {
            for (name, value) in members {
                columns.insert(format!("state.{name}"), value);
            }
        }
        Err(_) => _ = columns.insert("state".to_owned(), state.into()),
    }
}

/// Compares guards by name.
pub(crate) fn compare_guards(
    expected: BTreeMap<String, String>,
    mut found: BTreeMap<String, String>,
) -> Vec<GuardFault> {
    let spaces = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut faults = Vec::new();
    for (subject, expected) in expected {
        let found = found.remove(&subject);
        if found.as_deref().map(spaces) != Some(spaces(&expected)) {
            faults.push(GuardFault {
                subject,
                expected: Some(expected),
                found,
            });
        }
    }
    faults.extend(found.into_iter().map(|(subject, found)| GuardFault {
        subject,
        expected: None,
        found: Some(found),
    }));
    faults
}
