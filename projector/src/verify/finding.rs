//! What is not as it should be: where, what was expected and found, and what to do.

use std::fmt;

use photolog_store::Columns;
use serde::Serialize;

/// Longest text of what was expected or found.
const LONGEST: usize = 400;

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What kind of thing it is about.
    pub kind: Kind,
    /// Which one.
    pub subject: String,
    /// What ought to be there; nothing when nothing ought to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// What is there; nothing when nothing is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found: Option<String>,
    /// The same in words, with what to do.
    pub sentence: String,
}

/// What a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The head that somebody noted earlier.
    Head,
    /// Positions of the log.
    Position,
    /// The chain of hashes.
    Chain,
    /// An event and its place in the log.
    Place,
    /// An event that cannot be read, or does not follow.
    Event,
    /// An event that only a newer program knows.
    NewerEvent,
    /// Whose stream the log says an event is of.
    LogAccount,
    /// A row of the image view.
    ImageView,
    /// A row of the accounts.
    Account,
    /// A row of the keys.
    Key,
    /// What holds the verifiers of a key, or signs tokens.
    Secret,
    /// The claim of an image on its bytes.
    Claim,
    /// An account's number of images.
    Count,
    /// How far a follower of the log has come.
    Checkpoint,
    /// An idempotency key.
    IdempotencyKey,
    /// A log-in.
    TokenFamily,
    /// When a key was used last.
    KeyUse,
    /// A trigger, a constraint, a table, a right.
    Guard,
    /// A picture that an event names.
    Picture,
    /// A rendition in the cache.
    Rendition,
    /// The files of a backup.
    Backup,
}

impl Finding {
    /// Without what was expected and found.
    pub fn new(kind: Kind, subject: impl fmt::Display, sentence: impl Into<String>) -> Self {
        Self {
            kind,
            subject: subject.to_string(),
            expected: None,
            found: None,
            sentence: sentence.into(),
        }
    }

    /// With what was expected.
    #[must_use]
    pub fn expected(self, expected: impl fmt::Display) -> Self {
        Self {
            expected: Some(clipped(expected.to_string())),
            ..self
        }
    }

    /// With what was found.
    #[must_use]
    pub fn found(self, found: impl fmt::Display) -> Self {
        Self {
            found: Some(clipped(found.to_string())),
            ..self
        }
    }

    /// A row that is another one than it ought to be, surplus or missing; `None` when it is right.
    pub(super) fn of_row(
        kind: Kind,
        subject: impl fmt::Display,
        expected: Option<&Columns>,
        found: Option<&Columns>,
        advice: &str,
    ) -> Option<Self> {
        if expected == found {
            return None;
        }
        let table = kind.table();
        let finding = |what: &str| {
            let sentence = format!("{table} {what} {subject}: {advice}");
            Self::new(kind, &subject, sentence)
        };
        Some(match (expected, found) {
            (Some(expected), Some(found)) => finding("has another row for")
                .expected(differing(expected, found))
                .found(differing(found, expected)),
            (Some(expected), None) => finding("lacks the row for").expected(whole(expected)),
            (_, found) => {
                let finding = finding("has a row too many, for");
                Self {
                    found: found.map(|found| clipped(whole(found))),
                    ..finding
                }
            }
        })
    }
}

impl Kind {
    fn table(self) -> &'static str {
        match self {
            Self::ImageView => "the image view",
            Self::Account => "the table accounts",
            Self::Key => "the table keys",
            Self::Claim => "the table claims",
            Self::Count => "the table image_counts",
            _ => "the database",
        }
    }
}

/// The columns of one row that are not the same in the other.
fn differing(row: &Columns, other: &Columns) -> String {
    let differing = row
        .iter()
        .filter(|(name, value)| other.get(*name) != Some(value));
    listed(differing)
}

fn whole(row: &Columns) -> String {
    listed(row.iter())
}

fn listed<'a>(columns: impl Iterator<Item = (&'a String, &'a serde_json::Value)>) -> String {
    let columns: Vec<_> = columns
        .map(|(name, value)| format!("{name} = {value}"))
        .collect();
    columns.join(", ")
}

fn clipped(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(LONGEST) {
        text.truncate(end);
        text.push('…');
    }
    text
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.sentence)?;
        if let Some(expected) = &self.expected {
            write!(formatter, "\n  expected: {expected}")?;
        }
        if let Some(found) = &self.found {
            write!(formatter, "\n  found:    {found}")?;
        }
        Ok(())
    }
}
