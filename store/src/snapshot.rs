//! What `photolog verify` sees of the database.

use crate::error::StoreError;
use crate::log_entry::ArchivedEvent;
use crate::secrets::{TOKEN_SECRET, key_of};
use photolog_domain::{KeyId, KeyVerifiers};
use serde_json::Value;
use std::collections::BTreeMap;

/// A row by its columns, alike for both databases: generated columns are left out, 0 and 1 stand for
/// false and true, and the members of an image's state are columns of their own.
pub type Columns = BTreeMap<String, Value>;

/// A table whose rows follow from the log, or keep account of it.
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
    /// How many claims an account has.
    ImageCounts,
    /// What retried requests led to.
    IdempotencyKeys,
    /// Log-ins that have not ended.
    TokenFamilies,
    /// How far followers of the log have come.
    Checkpoints,
    /// When keys were used last.
    KeyUses,
}

/// An entry of the log with whose stream it says it is.
#[derive(Clone, Debug)]
pub struct LoggedEvent {
    /// The event at its place.
    pub event: ArchivedEvent,
    /// The log's own column.
    pub account: String,
}

/// An event and its place that do not belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misplaced {
    /// What is wrong.
    pub how: Misplacement,
    /// `Image` or `Account`.
    pub aggregate_type: String,
    /// The stream.
    pub aggregate_id: String,
    /// Its place in the stream.
    pub sequence: i64,
}

/// What may be wrong about an event's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misplacement {
    /// The event has no place in the log, and waits for none.
    NoPlace,
    /// The log has an entry whose event is not there.
    NoEvent,
    /// What waits for a place is not there.
    WaitsWithoutEvent,
    /// The event waits for a place and has one.
    WaitsAgain,
}

/// A secret as the table keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptSecret {
    /// Its name.
    pub name: String,
    /// How many there were, with this one.
    pub version: i64,
    /// Whether the master key opens it.
    pub opens: bool,
    /// The verifiers in it, where it is a key's.
    pub verifiers: Option<(KeyId, KeyVerifiers)>,
}

/// Something that guards the tables and is not as the migrations made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuardFault {
    /// What it is, such as `trigger events_are_never_changed`.
    pub subject: String,
    /// What it ought to be; `None` when it ought not to be there.
    pub expected: Option<String>,
    /// What it is; `None` when it is missing.
    pub found: Option<String>,
}

impl KeptSecret {
    /// The key whose verifiers its name promises.
    pub fn key_id(&self) -> Option<KeyId> {
        key_of(&self.name)
    }

    /// Whether it is the one that signs tokens.
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

/// A row that came as JSON.
pub(crate) fn columns(text: &str) -> Result<Columns, StoreError> {
    let row: Columns = serde_json::from_str(text)
        .map_err(|error| StoreError::Corrupt(format!("a row is no JSON: {error}")))?;
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

/// The members of an image's state as columns; a state that is none stays as it is.
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
