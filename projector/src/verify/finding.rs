//! Something that is wrong: where, what was expected and found, and what to do.

use std::fmt;

use photolog_store::Columns;
use serde::Serialize;

/// Maximum length of an expected or found text.
const LONGEST: usize = 400;

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What kind of thing it concerns.
    pub kind: Kind,
    /// The thing itself.
    pub subject: String,
    /// The expected value; `None` when nothing is expected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// The actual value; `None` when nothing was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found: Option<String>,
    /// The same as a sentence, with advice.
    pub sentence: String,
}

/// What a finding concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The head noted earlier.
    Head,
    /// Positions of the log.
    Position,
    /// The hash chain.
    Chain,
    /// An event and its position in the log.
    Place,
    /// An event that cannot be read, or does not follow the previous one.
    Event,
    /// An event known only to a newer program.
    NewerEvent,
    /// The account in an event's log row.
    LogAccount,
    /// A row of the image view.
    ImageView,
    /// A row of the accounts.
    Account,
    /// A row of the keys.
    Key,
    /// A secret with the verifiers of a key, or for signing tokens.
    Secret,
    /// The claim of an image on its bytes.
    Claim,
    /// An account's number of images.
    Count,
    /// The progress of a follower of the log.
    Checkpoint,
    /// An idempotency key.
    IdempotencyKey,
    /// A token family.
    TokenFamily,
    /// The last use of a key.
    KeyUse,
    /// A trigger, a constraint, a table, a right.
    Guard,
    /// The blob of an image that an event names.
    Picture,
    /// A rendition in the cache.
    Rendition,
    /// The files of a backup.
    Backup,
}

impl Finding {
    /// A finding without expected and found values.
    pub fn new(kind: Kind, subject: impl fmt::Display, sentence: impl Into<String>) -> Self {
        Self {
            kind,
            subject: subject.to_string(),
            expected: None,
            found: None,
            sentence: sentence.into(),
        }
    }

    /// Adds what was expected.
    #[must_use]
    pub fn expected(self, expected: impl fmt::Display) -> Self {
        Self {
            expected: Some(clipped(expected.to_string())),
            ..self
        }
    }

    /// Adds what was found.
    #[must_use]
    pub fn found(self, found: impl fmt::Display) -> Self {
        Self {
            found: Some(clipped(found.to_string())),
            ..self
        }
    }

    /// A row that is wrong, surplus or missing; `None` when it is right.
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

/// The columns of one row that differ in the other.
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
