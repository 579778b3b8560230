//! The log's positions and hashes, and the head noted earlier. No other file here deals with hashes.

use std::fmt;
use std::str::FromStr;

use photolog_store::chain::Hash;
use photolog_store::{ArchivedEvent, LogTail, Position};
use serde::{Serialize, Serializer};

use super::finding::{Finding, Kind};
use crate::archive::Manifest;

/// The end of a log. An auditor who keeps one can check later that the log still contains it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// The last position; 0 before the first event.
    pub position: Position,
    /// The hash of its entry.
    pub hash: Hash,
}

/// Not a valid head.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a head is POSITION:HASH, as `photolog verify` prints it")]
pub struct InvalidHead;

impl FromStr for Head {
    type Err = InvalidHead;

    fn from_str(text: &str) -> Result<Self, InvalidHead> {
        let (position, hash) = text.split_once(':').ok_or(InvalidHead)?;
        let position = position.parse().map_err(|_| InvalidHead)?;
        let mut bytes = Hash::default();
        hex::decode_to_slice(hash, &mut bytes).map_err(|_| InvalidHead)?;
        match position {
            0.. => Ok(Self {
                position,
                hash: bytes,
            }),
            _ => Err(InvalidHead),
        }
    }
}

impl fmt::Display for Head {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.position, hex::encode(self.hash))
    }
}

/// In the format that is printed, and that `--expect` accepts.
impl Serialize for Head {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl From<&Manifest> for Head {
    fn from(manifest: &Manifest) -> Self {
        manifest.tail().into()
    }
}

impl From<LogTail> for Head {
    fn from(tail: LogTail) -> Self {
        Self {
            position: tail.position,
            hash: tail.hash,
        }
    }
}

/// The chain as followed so far.
#[derive(Debug)]
pub(super) struct Chain {
    tail: LogTail,
    noted: Option<Head>,
}

impl Chain {
    pub(super) fn new(noted: Option<Head>) -> Self {
        Self {
            tail: LogTail::default(),
            noted,
        }
    }

    /// Follows the chain to the next entry. After a break it continues from the entry found there, so
    /// that one change is reported once.
    pub(super) fn follow(&mut self, event: &ArchivedEvent, findings: &mut Vec<Finding>) {
        let due = self.tail.position + 1;
        let position = event.position;
        if position != due {
            let sentence = format!(
                "the log goes from position {} to {position}: events are missing. {RESTORE}",
                self.tail.position
            );
            let finding = Finding::new(Kind::Position, due, sentence);
            findings.push(finding.expected(due).found(position));
        } else if self.tail.advance(event).is_err() {
            let sentence = format!(
                "the event at position {position} is not the one that was written there: the chain \
                 of hashes breaks. {RESTORE}"
            );
            findings.push(Finding::new(Kind::Chain, position, sentence));
        }
        self.tail = LogTail {
            position,
            hash: event.hash,
        };
        if let Some(noted) = self.noted.take_if(|noted| noted.position == position)
            && noted.hash != event.hash
        {
            let sentence = format!(
                "the log was rewritten: at position {position} stands another hash than the noted \
                 one. {RESTORE}"
            );
            let found = hex::encode(event.hash);
            let finding = Finding::new(Kind::Head, noted, sentence);
            findings.push(finding.expected(hex::encode(noted.hash)).found(found));
        }
    }

    /// The end of the log.
    pub(super) fn finish(self, findings: &mut Vec<Finding>) -> Head {
        let head = Head::from(self.tail);
        if let Some(noted) = self.noted
            && noted != Head::default()
        {
            let sentence = match noted.position {
                0 => "the noted head is none of any log: before the first event every hash is zero"
                    .to_owned(),
                _ => format!(
                    "the log was cut off or is another one: it ends at position {}, before the \
                     noted head. {RESTORE}",
                    head.position
                ),
            };
            let finding = Finding::new(Kind::Head, noted, sentence);
            findings.push(finding.expected(noted).found(head));
        }
        head
    }
}

/// The advice for a log that has been altered.
const RESTORE: &str = "Keep this database as it is, and restore a backup from before";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_as_it_is_printed() {
        let head = Head {
            position: 7,
            hash: [0xab; 32],
        };
        assert_eq!(head.to_string().parse(), Ok(head));
        let hash = "ab".repeat(32);
        for wrong in [
            "",
            "7",
            "7:ab",
            "x:ab",
            &format!("-1:{hash}"),
            &format!("7:{hash}0"),
        ] {
            assert_eq!(wrong.parse::<Head>(), Err(InvalidHead), "{wrong}");
        }
    }
}
